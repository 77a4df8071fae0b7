"""The Lava executor: circuits as Lava Processes, on Lava's CPU simulator."""
