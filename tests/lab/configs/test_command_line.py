"""How a command ends: its exit code, and what it says on stderr."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lava_nexus.cli import run_command
from lava_nexus.config import Config
from lava_nexus.errors import NexusError
from lava_nexus.files import held_folder, prepare_folder
from tests.commands import listening


class Sample(Config):
    number: int = 1
    out: Path = Path("results")


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # leaves pytest's own handlers alone
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample.yaml").write_text("number: 2")
    return tmp_path


def _end(main: object, *argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run_command(Sample, main, "A sample.", ["sample.yaml", *argv])  # type: ignore[arg-type]
    return int(ended.value.code or 0)


def test_main_gets_config_folder_and_quick(sample: Path) -> None:
    calls: list[tuple[Config, Path, bool]] = []
    assert _end(lambda *call: calls.append(call)) == 0
    assert _end(lambda *call: calls.append(call), "--out", "a/b", "--set", "number=5", "--quick") == 0
    assert calls[0] == (Sample(number=2), Path("results"), False)
    assert calls[1] == (Sample(number=5, out=Path("a/b")), Path("a/b"), True)
    assert (sample / "a/b").is_dir()
    assert not list((sample / "a/b").iterdir())


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (NexusError("weight w is 3, must be 2"), 2, "error: weight w is 3, must be 2\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "x.json"), 2, "error: no space left on device ('x.json')\n"),
        (MemoryError("Unable to allocate 12 GiB"), 2, "error: out of memory: Unable to allocate 12 GiB\n"),
    ],
)
def test_errors_are_one_line(
    sample: Path, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str
) -> None:
    def main(*_: object) -> None:
        raise error

    assert _end(main) == code
    assert capsys.readouterr().err == text


def test_a_bug_keeps_its_traceback(sample: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(Sample, lambda *_: 1 / 0, "A sample.", ["sample.yaml"])


def test_a_folder_that_is_a_file(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(lambda *_: None, "--out", "sample.yaml") == 2
    assert "error: results cannot be written to folder 'sample.yaml'" in capsys.readouterr().err


SCRIPT = """
import sys, time
from pathlib import Path
from lava_nexus.config import Config
from lava_nexus.cli import run_command
class Sample(Config):
    out: Path = Path("results")
def main(config, out, quick):
    try:
        print("ready", flush=True)
        {body}
    finally:
        (out / "cleaned").touch()
run_command(Sample, main, "A sample.")
"""


def _start(folder: Path, body: str) -> subprocess.Popen[str]:
    (folder / "sample.yaml").write_text("{}")
    (folder / "script.py").write_text(SCRIPT.format(body=body))
    return subprocess.Popen(
        [sys.executable, "script.py", "sample.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listening,
    )


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")])
def test_signals_end_it_and_clean_up(tmp_path: Path, number: int, code: int, said: str) -> None:
    process = _start(tmp_path, "time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (code, said)
    assert time.monotonic() - began < 20
    assert (tmp_path / "results" / "cleaned").exists()


def test_a_closed_pipe_is_one_sentence(tmp_path: Path) -> None:
    process = _start(tmp_path, "[print('x' * 1000) for _ in range(1000)]")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read().startswith("error: the reader of the output closed it")
    process.stderr.close()
    assert process.wait(timeout=30) == 2


def test_several_configs_run_in_turn_each_in_its_own_folder(sample: Path) -> None:
    (sample / "other.yaml").write_text("number: 7\nout: elsewhere")
    calls: list[tuple[int, Path]] = []

    def main(config: Sample, out: Path, quick: bool) -> None:
        calls.append((config.number, out))

    assert _end(main, "other.yaml") == 0
    assert _end(main, "other.yaml", "--out", "a") == 0
    assert calls == [
        (2, Path("results")),
        (7, Path("elsewhere")),
        (2, Path("a/sample")),
        (7, Path("a/other")),
    ]


def test_a_mistake_in_a_later_config_is_told_before_the_first_runs(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sample / "other.yaml").write_text("numbr: 7")
    calls: list[object] = []
    assert _end(lambda *call: calls.append(call), "other.yaml") == 2
    assert not calls
    assert "'numbr' does not exist" in capsys.readouterr().err


def test_a_closed_or_full_output_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m lava_nexus --version"
    closed = subprocess.run(f"{command} >&-", shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (closed.returncode, closed.stderr) == (0, "")
    if Path("/dev/full").exists():
        full = subprocess.run(f"{command} > /dev/full", shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
        assert (full.returncode, full.stderr) == (2, "error: no space left on device\n")


def test_two_runs_do_not_share_a_folder(sample: Path) -> None:
    def main(config: Sample, out: Path, quick: bool) -> None:
        with (
            pytest.raises(NexusError, match="is in use by another run; name another"),
            held_folder(out),
        ):
            pass
        with held_folder(prepare_folder(out / "other")):
            (out / "done").touch()

    assert _end(main, "--out", "shared") == 0
    assert (sample / "shared" / "done").exists()
    with held_folder(Path("shared")):
        assert _end(main, "--out", "shared") == 2
