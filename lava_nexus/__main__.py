"""`lava-nexus`, `python -m lava_nexus` and every script begin here: Ctrl-C is answered while the rest is imported."""

import os
import signal


def _interrupted(number: int, frame: object) -> None:
    """Nothing has begun that had to be cleaned up."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupted)

from lava_nexus.cli import main as main  # noqa: E402

if __name__ == "__main__":
    main()
