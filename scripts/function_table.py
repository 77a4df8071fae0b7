"""What a pass over all inputs showed of each function: python scripts/function_table.py configs/function_table.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("functions")
