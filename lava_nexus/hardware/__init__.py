"""Loihi 2 itself: circuits are placed on its cores and run there, if Intel's extension of Lava is installed."""
