"""Commands as the scripts run them, inside the test's own process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.cli import run_command
from lava_nexus.config import Config


def exit_code(config: type[Config], main: Callable[..., Any], text: str, *options: str, **flags: str) -> int:
    """What a command ends with on a config of this text, written to config.yaml in the working folder."""
    Path("config.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(signal, "signal", lambda *_: None)  # leaves pytest's own handlers alone
        run_command(config, main, "", ["config.yaml", *options], flags)
    return int(ended.value.code or 0)
