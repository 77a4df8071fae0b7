"""Process `Core`: the part of a network that lives on one core."""
