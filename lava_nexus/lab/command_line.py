"""What every script shares: a config, `--out`, `--set`, `--quick`, and errors told in one sentence."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lava_nexus.config import Config, ConfigT, load_config
from lava_nexus.errors import NexusError
from lava_nexus.files import prepare_folder

MISTAKE, INTERRUPTED, TERMINATED = 2, 130, 143


def run_command(
    config_type: type[ConfigT],
    main: Callable[..., object],
    description: str,
    argv: Sequence[str] | None = None,
    flags: Mapping[str, str] | None = None,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> NoReturn:
    """Reads the command line, calls `main(config, out, quick)` for each config and leaves with the exit code.

    `config_type` has a key `out`, the folder for results, which `--out` replaces; the folder exists and can be written
    when `main` is called. Of several configs each has its own folder in that of `--out`, named after the file; all are
    checked before the first one runs, and a mistake found in a run ends them. Relative paths are relative to the
    current folder. `flags` are further switches, name to help, that `main` takes as keywords;
    `choices` keys of the config that have an option of their own: `--forward gates` is `--set forward=gates`.

    Exit codes: 0, 2 (a mistake, one sentence on stderr), 130 (Ctrl-C), 143 (terminated). What is no user's mistake
    keeps its traceback.
    """

    def action() -> int:
        arguments = _parser(description, flags or {}, choices or {}).parse_args(argv)
        chosen = {key: getattr(arguments, key) for key in choices or {}}
        arguments.set += [f"{key}={value}" for key, value in chosen.items() if value is not None]
        given = {name: getattr(arguments, name) for name in flags or {}}
        for config in [_load(config_type, path, arguments) for path in arguments.config]:
            main(config, prepare_folder(_folder(config)), arguments.quick, **given)
            sys.stdout.flush()
        return 0

    run_guarded(action)


def run_guarded(action: Callable[[], int]) -> NoReturn:
    """Leaves with the exit code of `action`, or with those of `run_command` where it does not end well."""
    signal.signal(signal.SIGTERM, _terminator(os.getpid()))
    sys.exit(_guarded(action))


def _guarded(action: Callable[[], int]) -> int:
    try:
        return action()
    except NexusError as error:
        return _tell(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
        return _tell("the reader of the output closed it before the command had finished")
    except OSError as error:
        if error.errno is None:
            raise
        place = f" ('{error.filename}')" if error.filename else ""
        return _tell(f"{(error.strerror or 'the system refused').lower()}{place}")
    except MemoryError as error:
        return _tell(f"out of memory: {error}" if str(error) else "out of memory")


def _load(config_type: type[ConfigT], path: Path, arguments: argparse.Namespace) -> ConfigT:
    config = load_config(config_type, path, arguments.set)
    if arguments.out is None:
        return config
    out = arguments.out if len(arguments.config) == 1 else arguments.out / path.stem
    return config.model_copy(update={"out": out})


def _parser(
    description: str, flags: Mapping[str, str], choices: Mapping[str, Sequence[str]]
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", type=Path, nargs="+", help="YAML file; several run one after the other")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for results, instead of the config's `out`")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replace one value, for example model.images=8"
    )
    parser.add_argument("--quick", action="store_true", help="a small part of the work, to see that everything runs")
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    for key, allowed in choices.items():
        parser.add_argument(f"--{key}", choices=allowed, help=f"the config's '{key}'")
    return parser


def _folder(config: Config) -> Path:
    return Path(getattr(config, "out", None) or "results")


def _tell(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return MISTAKE


def _terminator(owner: int) -> Callable[[int, FrameType | None], None]:
    """SIGTERM unwinds this process, so that it cleans up; a forked child, which inherits the handler, just ends."""

    def leave(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            os._exit(TERMINATED)
        raise SystemExit(TERMINATED)

    return leave
