"""A folder of its own, because Lava executes all of a folder for each Process that it looks for models of."""
