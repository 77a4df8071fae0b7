"""What breaks the gates, how theory foresees it, and what cures cost: measured beside published figures."""
