"""Orders of accumulation against PyTorch and float64, and what each costs: scripts/accumulate_orders.py CONFIG."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("orders")
