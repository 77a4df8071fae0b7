"""What differs between two runs: python scripts/compare_reports.py results/a results/b."""

from lava_nexus.cli import main

if __name__ == "__main__":
    main("compare")
