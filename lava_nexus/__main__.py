"""`python -m lava_nexus` is `lava-nexus`."""

from lava_nexus.cli import main

if __name__ == "__main__":
    main()
