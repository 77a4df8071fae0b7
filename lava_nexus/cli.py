"""`lava-nexus COMMAND CONFIG`: reads YAML, calls one experiment, which writes one report; mistakes are one sentence.

Nothing is imported before signals are answered, and nothing heavy before a command is known. Exit codes: 0, 1
(`compare` found a difference), 2 (a mistake, one sentence on stderr), 130 (Ctrl-C), 143 (terminated), 129 (the terminal
is gone). What is no user's mistake keeps its traceback.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lava_nexus.errors import NexusError, needs_extras
from lava_nexus.signals import ENDING, Answering

if TYPE_CHECKING:
    from lava_nexus.config import Config, ConfigT
    from lava_nexus.lab.experiments import Experiment

MISTAKE, INTERRUPTED = 2, 130
_MOST_CHARACTERS, _KEPT_AT_THE_END = 300, 100
RESUME = {
    "resume": "go on from the last finished piece of a run that was ended",
    "restart": "remove the finished pieces of a run that was ended, and begin anew",
}


def main(*argv: str) -> NoReturn:
    """Runs `lava-nexus` with these arguments and those of the command line, and leaves with its exit code."""
    arguments = [*argv, *sys.argv[1:]]
    run_guarded(lambda: _dispatch(arguments))


def _dispatch(argv: Sequence[str]) -> int:
    from lava_nexus.config import did_you_mean
    from lava_nexus.lab.commands import OTHERS
    from lava_nexus.lab.experiments import EXPERIMENTS
    from lava_nexus.store import installed_versions

    command, *rest = argv or ["--help"]
    experiments = {one.command: one for one in EXPERIMENTS}
    if command in experiments:
        return _experiment(experiments[command], rest)
    if command in OTHERS:
        return OTHERS[command].run(rest)
    if command == "completion":
        return _completion(rest)
    if command in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0
    if command == "--version":
        versions = installed_versions()
        print(f"lava-nexus {versions.pop('lava-nexus', '(not installed)')}")
        print(", ".join(f"{name} {version}" for name, version in versions.items()))
        return 0
    raise NexusError(
        f"command '{command}' does not exist{did_you_mean(command, [*experiments, *OTHERS, 'completion'])}"
    )


def _help() -> str:
    from lava_nexus.lab.commands import OTHERS
    from lava_nexus.lab.experiments import EXPERIMENTS

    listed = [(one.command, one.title) for one in EXPERIMENTS] + [(one.command, one.title) for one in OTHERS.values()]
    listed.append(("completion", "Prints a script that completes commands and options in bash, zsh or tcsh."))
    lines = "".join(f"  {command:<12}{title}\n" for command, title in listed)
    examples = "".join(f"  lava-nexus {one.command} {one.example}\n" for one in EXPERIMENTS[:4])
    return (
        "usage: lava-nexus COMMAND CONFIG... [--out DIR] [--set KEY=VALUE] [--quick] [--json] [--resume]\n\n"
        "Transformers as integrate-and-fire logic, bit for bit IEEE-754. Each command reads a YAML config and writes\n"
        "a report into a folder; `lava-nexus COMMAND --help` says more, `lava-nexus --version` what is installed.\n\n"
        f"commands:\n{lines}\nfirst:\n  lava-nexus demo\n\nexamples, in a checkout:\n{examples}\n"
        "exit codes: 0, 1 (`compare` found a difference), 2 (a mistake: one sentence on stderr), 130 (Ctrl-C)\n"
        "LAVA_NEXUS_PROGRESS=1 tells what goes on where there is no terminal, 0 is silent on one.\n"
    )


def _experiment(experiment: Experiment, argv: Sequence[str]) -> int:
    from lava_nexus.progress import doing

    flags = RESUME if experiment.resumable else {}
    parser = _parser(experiment.command, experiment.title, flags, experiment.choices)
    parser.epilog = f"for example: lava-nexus {experiment.command} {experiment.example}"
    arguments = parser.parse_args(argv)
    needs_extras(f"lava-nexus {experiment.command}", "plots", "data")
    with doing(f"lava-nexus {experiment.command}"):
        return _conduct(experiment.config, experiment.conduct, arguments, flags, experiment.choices)


def _completion(argv: Sequence[str]) -> int:
    """Prints the script of a shell."""
    import shtab

    from lava_nexus.lab.commands import OTHERS
    from lava_nexus.lab.experiments import EXPERIMENTS

    parser = argparse.ArgumentParser(prog="lava-nexus completion", description="Prints a shell's script of completion.")
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="source <(lava-nexus completion bash)")
    shell = parser.parse_args(argv).shell
    whole = argparse.ArgumentParser(prog="lava-nexus")
    commands = whole.add_subparsers()
    for one in EXPERIMENTS:
        made = commands.add_parser(one.command, help=one.title)
        _with_options(made, RESUME if one.resumable else {}, one.choices)
    for other in OTHERS.values():
        other.arguments(commands.add_parser(other.command, help=other.title))
    print(shtab.complete(whole, shell=shell))
    return 0


def run_command(
    config_type: type[ConfigT],
    action: Callable[..., object],
    description: str,
    argv: Sequence[str] | None = None,
    flags: Mapping[str, str] | None = None,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> NoReturn:
    """Reads the command line, calls `action(config, out, quick)` for each config and leaves with the exit code.

    `config_type` has a key `out`, the folder for results, which `--out` replaces; the folder exists and can be written
    when `action` is called. Of several configs each has its own folder in that of `--out`, named after the file; all
    are checked before the first one runs, and a mistake found in a run ends them. Relative paths are relative to the
    current folder. `flags` are further switches, name to help, that `action` takes as keywords;
    `choices` keys of the config that have an option of their own: `--forward gates` is `--set forward=gates`.
    """

    def whole() -> int:
        parser = _parser("", description, flags or {}, choices or {})
        return _conduct(config_type, action, parser.parse_args(argv), flags or {}, choices or {})

    run_guarded(whole)


def _conduct(
    config_type: type[ConfigT],
    action: Callable[..., object],
    arguments: argparse.Namespace,
    flags: Mapping[str, str],
    choices: Mapping[str, Sequence[str]],
) -> int:
    from lava_nexus.files import held_folder, prepare_folder
    from lava_nexus.progress import doing

    chosen = {key: getattr(arguments, key) for key in choices}
    arguments.set += [f"{key}={value}" for key, value in chosen.items() if value is not None]
    given = {name: getattr(arguments, name) for name in flags}
    for config, path in [(_load(config_type, path, arguments), path) for path in arguments.config]:
        with held_folder(prepare_folder(_folder(config))) as folder, doing(path.name):
            if not arguments.json:
                action(config, folder, arguments.quick, **given)
                _flush()
                continue
            began = {file: file.stat().st_mtime_ns for file in folder.glob("*.json")}
            with redirect_stdout(sys.stderr):
                action(config, folder, arguments.quick, **given)
            written = [file for file in folder.glob("*.json") if began.get(file) != file.stat().st_mtime_ns]
        for file in written:
            text = file.read_text(encoding="utf-8")
            if '"schema_version"' in text:
                print(text, end="")
        _flush()
    return 0


def run_guarded(action: Callable[[], int | None]) -> NoReturn:
    """Leaves with the exit code of `action`, None being 0, or with that of a mistake or a signal that ended it."""
    answering = Answering()
    try:
        answering.begin()
        code = _guarded(action)
        code = code if answering.asked is None else ENDING[answering.asked]
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        if answering.asked is None and not interrupted:
            raise
        code = INTERRUPTED if answering.asked is None else ENDING[answering.asked]  # whatever it became on its way up
        if code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
    finally:
        answering.end()
    gc.freeze()  # else the interpreter, as it ends, looks for circles among all objects: up to a second
    sys.exit(code)


def _guarded(action: Callable[[], int | None]) -> int:
    try:
        code = action() or 0
        _flush()
        return code
    except NexusError as error:
        return _tell(str(error))
    except BrokenPipeError:
        _silence()
        return _tell("the reader of the output closed it before the command had finished")
    except OSError as error:
        if error.errno is None:
            raise
        place = f" ('{error.filename}')" if error.filename else ""
        try:
            _flush()
        except OSError:
            _silence()
        return _tell(f"{(error.strerror or 'the system refused').lower()}{place}")
    except MemoryError as error:
        return _tell(f"out of memory: {error}" if str(error) else "out of memory")


def _flush() -> None:
    """Where standard output was closed from the start, Python has none."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _silence() -> None:
    """What is still to be written goes nowhere: the flush at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _load(config_type: type[ConfigT], path: Path, arguments: argparse.Namespace) -> ConfigT:
    from lava_nexus.config import load_config

    config = load_config(config_type, path, arguments.set)
    if arguments.out is None:
        return config
    out = arguments.out if len(arguments.config) == 1 else arguments.out / path.stem
    return config.model_copy(update={"out": out})


def _parser(
    command: str, description: str, flags: Mapping[str, str], choices: Mapping[str, Sequence[str]]
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"lava-nexus {command}" if command else None, description=description)
    _with_options(parser, flags, choices)
    return parser


def _with_options(
    parser: argparse.ArgumentParser, flags: Mapping[str, str], choices: Mapping[str, Sequence[str]]
) -> None:
    parser.add_argument("config", type=Path, nargs="+", help="YAML file; several run one after the other")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for results, instead of the config's `out`")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replace one value, for example model.images=8"
    )
    parser.add_argument("--quick", action="store_true", help="a small part of the work, to see that everything runs")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout, all else on stderr")
    apart = parser.add_mutually_exclusive_group() if flags else parser  # an empty group cannot be shown
    for name, text in flags.items():
        apart.add_argument(f"--{name}", action="store_true", help=text)
    for key, allowed in choices.items():
        parser.add_argument(f"--{key}", choices=allowed, help=f"the config's '{key}'")


def _folder(config: Config) -> Path:
    return Path(getattr(config, "out", None) or "results")


def _tell(sentence: str) -> int:
    """One line of at most 300 characters, its end kept: that is where a way out stands."""
    text = " ".join(sentence.split())
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[: _MOST_CHARACTERS - _KEPT_AT_THE_END - 3]}...{text[-_KEPT_AT_THE_END:]}"
    print(f"error: {text}", file=sys.stderr)
    return MISTAKE
