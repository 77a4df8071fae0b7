"""Commands that conduct no experiment: what a checkpoint is, runs side by side, pages, the idea in twenty seconds."""

from __future__ import annotations

import argparse
import json
import tempfile
import webbrowser
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError


class Command(ABC):
    """One command.

    Attributes:
        command: of `lava-nexus`.
        title: what it does, for help.
    """

    command: str
    title: str
    more = ""

    @abstractmethod
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds what it takes."""

    @abstractmethod
    def act(self, given: argparse.Namespace) -> int:
        """Does it; returns the exit code."""

    def run(self, argv: Sequence[str]) -> int:
        """Reads its arguments and does it."""
        about = f"{self.title} {self.more}".strip()
        parser = argparse.ArgumentParser(prog=f"lava-nexus {self.command}", description=about)
        self.arguments(parser)
        return self.act(parser.parse_args(argv))


class Demo(Command):
    """The idea in twenty seconds."""

    command, title = (
        "demo",
        "Shows the idea in twenty seconds: numbers as spikes, an adder of neurons, every bit right.",
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Where the picture goes."""
        parser.add_argument("--out", type=Path, metavar="DIR", help="folder for wave.svg, a wave through an FP8 adder")
        parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")

    def act(self, given: argparse.Namespace) -> int:
        """Prints it."""
        from lava_nexus.files import prepare_folder
        from lava_nexus.progress import doing, say

        with doing("lava-nexus demo"):
            from lava_nexus.lab.demo import demo

            out = None if given.out is None else prepare_folder(given.out)
            found = demo(out, (lambda line: None) if given.json else say)
        if given.json:
            print(json.dumps(found))
        return 0


class ReportPage(Command):
    """Runs as one page."""

    command, title = "report", "Makes one HTML page of a run, or of several side by side, and says where it is."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Folders."""
        parser.add_argument("results", nargs="+", type=Path, help="folder of a run")
        parser.add_argument("--out", type=Path, metavar="FILE", help="the page; a file of its own where left out")
        parser.add_argument("--open", action="store_true", help="shows it in the browser")
        parser.add_argument("--json", action="store_true", help="the reports as a JSON list on stdout instead")

    def act(self, given: argparse.Namespace) -> int:
        """Writes the page."""
        from lava_nexus.files import write_text
        from lava_nexus.lab.pages import read_report
        from lava_nexus.lab.web import html_page, side_by_side

        runs = [(_name(place, given.results), read_report(place), *_page(place)) for place in given.results]
        if given.json:
            print(json.dumps([values for _, values, *_ in runs]))
            return 0
        page = side_by_side(runs) if len(runs) > 1 else html_page(runs[0][2], runs[0][3])
        target = given.out or Path(tempfile.mkdtemp(prefix="lava_nexus_")) / "report.html"
        write_text(target, page)
        print(target)
        if given.open:
            webbrowser.open(target.resolve().as_uri())
        return 0


def _name(place: Path, others: Sequence[Path]) -> str:
    names = [other.resolve().name for other in others]
    return place.resolve().name if names.count(place.resolve().name) == 1 else str(place)


def _page(place: Path) -> tuple[str, Path]:
    """The Markdown page of a run and its folder."""
    folder = place if place.is_dir() else place.parent
    found = [folder / f"{place.stem}.md"] if place.is_file() else sorted(folder.glob("*.md"))
    if len(found) != 1 or not found[0].is_file():
        raise NexusError(f"folder '{folder}' holds {len(found)} pages of runs, must hold one")
    return found[0].read_text(encoding="utf-8"), folder


class Compare(Command):
    """What differs."""

    command, title = "compare", "Prints what differs between two runs."
    more = "Exit codes: 0 nothing, 1 something, 2 a mistake."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Two reports."""
        parser.add_argument("a", type=Path, help="JSON report, or the folder of a run")
        parser.add_argument("b", type=Path, help="another")
        text = "keys that may differ, for example '*seconds*' or 'config.*'"
        parser.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help=text)

    def act(self, given: argparse.Namespace) -> int:
        """Prints the table; 0 where nothing differs, 1 where something does."""
        from lava_nexus.lab.pages import differences, differences_table, read_report

        found = differences(read_report(given.a), read_report(given.b), given.ignore)
        print(differences_table(found, str(given.a), str(given.b)) if found else "no differences")
        return 1 if found else 0


class Plan(Command):
    """What a run takes on workers."""

    command, title = "plan", "Says what a transformer's run takes on so many workers: time, bytes moved, memory."
    more = "From measured rates and shapes alone; nothing runs."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """A run's config, and how many workers."""
        parser.add_argument("config", type=Path, help="YAML file of `lava-nexus run`")
        text = "replace one value, for example model.tokens=64"
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)
        text = "how many, several numbers side by side; 0 is no cluster"
        parser.add_argument("--workers", type=_whole, nargs="+", default=[0, 1, 2, 4], metavar="N", help=text)
        parser.add_argument("--threads", type=_whole, default=1, metavar="N", help="of each worker; 1")
        text = "of the one machine on which all workers are; left out where each has its own"
        parser.add_argument("--processors", type=_whole, metavar="N", help=text)
        parser.add_argument(
            "--rates", type=Path, metavar="FILE", help="measured ones; those that come with the package"
        )
        parser.add_argument("--json", action="store_true", help="figures as a JSON list on stdout")

    def act(self, given: argparse.Namespace) -> int:
        """Prints the table."""
        from lava_nexus.config import load_config
        from lava_nexus.lab.configs.execution import RunConfig
        from lava_nexus.lab.plan import Rates, planned
        from lava_nexus.lab.plan_page import plan_table

        config, rates = load_config(RunConfig, given.config, given.set), Rates.of(given.rates)
        plans = [planned(config, n, max(1, given.threads), rates, given.processors) for n in given.workers]
        print(json.dumps([plan.to_dict() for plan in plans]) if given.json else plan_table(plans, rates))
        return 0


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) > 1 << 20:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 .. {1 << 20}")
    return int(text)


class Check(Command):
    """What a checkpoint is."""

    command, title = "check", "Says what a checkpoint is, what of it would run, and at what cost."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Folders."""
        parser.add_argument("folder", nargs="+", type=Path, help="with config.json and weights")
        parser.add_argument("--context", type=int, default=128, metavar="TOKENS", help="that a token sees; 128")
        parser.add_argument("--format", default="float32", help="of the run; float32")

    def act(self, given: argparse.Namespace) -> int:
        """Prints what it is and would cost."""
        from lava_nexus.models.inspection import check

        for folder in given.folder:
            print(check(folder, context=given.context, format=given.format))
        return 0


class Readme(Command):
    """Pages of the repository."""

    command, title = "readme", "Takes reports and figures of runs into README.md and docs/."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Folders."""
        parser.add_argument("results", nargs="+", type=Path, help="folder of a run, or docs")
        parser.add_argument("--root", type=Path, default=Path(), help="of the repository; the current folder")

    def act(self, given: argparse.Namespace) -> int:
        """Updates the pages of each run."""
        for folder in given.results:
            self._update(folder, given.root)
        return 0

    def _update(self, folder: Path, root: Path) -> None:
        from lava_nexus.lab.energy.report import update_energy_pages
        from lava_nexus.lab.energy.sanafe import JOULES, update_sanafe
        from lava_nexus.lab.energy.token import update_mapping_page
        from lava_nexus.lab.pages import update_autonomous, update_autonomous_map, update_native, update_readme
        from lava_nexus.lab.plan_page import update_distributed_page
        from lava_nexus.lab.study.pages import update_study_page
        from lava_nexus.lab.ulp.page import update_ulp_page

        kinds: dict[str, Any] = {"energy_interleaved.csv": update_mapping_page, JOULES: update_sanafe}
        kinds |= {"native.json": update_native, "study.json": update_study_page, "phases.csv": update_autonomous}
        kinds |= {"ulp_tables.json": update_ulp_page, "autonomous_energy.csv": update_autonomous_map}
        for name, update in kinds.items():
            if (folder / name).is_file():
                update(folder, root)
                return
        energy, kept = (folder / "energy.json").is_file(), (folder / "digits.json").is_file()
        if energy:
            update_energy_pages(folder, root)
        if kept or not energy:
            update_readme(folder, root)
        if folder.resolve() == (root / "docs").resolve() and (folder / "distributed.md").is_file():
            update_distributed_page(root)


OTHERS = {one.command: one for one in (Demo(), ReportPage(), Check(), Plan(), Compare(), Readme())}
"""In the order of help."""
