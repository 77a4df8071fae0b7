"""Process `Sequencer`: feeds shared circuits by a schedule."""
