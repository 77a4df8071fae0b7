"""Commands as the scripts run them, inside the test's own process."""

from __future__ import annotations

import io
import signal
import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from lava_nexus import cli
from lava_nexus.cli import run_command
from lava_nexus.config import Config


def listening() -> None:
    """As `preexec_fn`: a program answers ending signals, also those that a shell lets background jobs ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def exit_code(config: type[Config], main: Callable[..., Any], text: str, *options: str, **flags: str) -> int:
    """What a command ends with on a config of this text, written to config.yaml in the working folder."""
    Path("config.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(signal, "signal", lambda *_: None)  # leaves pytest's own handlers alone
        run_command(config, main, "", ["config.yaml", *options], flags)
    return int(ended.value.code or 0)


def ended(*argv: str) -> subprocess.CompletedProcess[str]:
    """What `lava-nexus` with these arguments ends with and says, in this process, which has imported it already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli._guarded(lambda: cli._dispatch(argv))
        except SystemExit as leaves:  # argparse, after help
            code = int(leaves.code or 0)
    return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())
