"""Floor 6: architectures and checkpoints turned into programs."""
