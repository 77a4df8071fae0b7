"""What differs between two runs: python scripts/compare_reports.py results/a results/b."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("compare")
