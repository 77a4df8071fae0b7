"""Reports as pages: one file, nothing fetched, what users name is text; in a browser they fold and sort."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lava_nexus.circuits import circuit
from lava_nexus.lab.figures.wave import wave_svg
from lava_nexus.lab.report import Report, Table, write_report
from lava_nexus.lab.web import html_page
from tests.commands import ended

CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
PROBE = """<script>
document.querySelectorAll("th button")[1].click();
const cells = () => [...document.querySelectorAll("tbody tr")].map(row => row.cells[1].textContent).join(" ");
const rising = cells();
document.querySelectorAll("th button")[1].click();
document.body.dataset.found = [rising, cells(), document.querySelectorAll("details").length,
  document.querySelectorAll("figure svg").length, document.querySelectorAll("script[src],link,img").length].join("|");
</script></body>"""


def _written(folder: Path, title: str = "A run") -> str:
    (folder / "drawn.svg").write_text('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>')
    rows = [("add", 1_200), ("mul", 300), ("exp", 20_000)]
    table = Table("Circuits counted", ("circuit", "neurons"), rows, "c.csv")
    config = {"name": "<script>alert(1)</script>"}
    write_report(Report(title=title, config=config, tables=[table], figures=[("drawn.png", "Drawn.")]), folder)
    return (folder / "report.html").read_text()


def test_a_page_needs_nothing_else_and_takes_names_as_text(tmp_path: Path) -> None:
    page = _written(tmp_path, "A <b>run</b>")
    HTMLParser().feed(page)
    assert "<script>alert" not in page and "A <b>run" not in page
    assert not re.search(r'(src|href)="(?!data:)', page) and "@import" not in page
    assert "<figure" in page and "<svg" in page and "<?xml" not in page
    assert "prefers-color-scheme: dark" in page


def test_a_figure_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "(figure gone.png is not there)" in html_page("# A\n\n![Gone](gone.png)\n", tmp_path)


def test_fences_hold_no_sections(tmp_path: Path) -> None:
    page = html_page("# A\n\n## One\n\n```\n## no section\n# no title\n```\n", tmp_path)
    assert page.count("<summary>") == 1 and "## no section" in page


def test_runs_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _written(tmp_path / name, f"Run {name}")
    command = ["report", str(tmp_path / "a"), str(tmp_path / "b")]
    done = ended(*command, "--out", str(tmp_path / "c.html"))
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "c.html").read_text()
    assert "2 runs side by side" in page and "Run a" in page and "Run b" in page
    listed = json.loads(ended(*command, "--json").stdout)
    assert [one["title"] for one in listed] == ["Run a", "Run b"]
    (tmp_path / "none").mkdir()
    done = ended(*command, str(tmp_path / "none"))
    assert done.returncode == 2 and done.stderr.startswith("error: folder ")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not opened in a browser")
def test_in_a_browser_tables_sort_and_sections_fold(tmp_path: Path) -> None:
    page = _written(tmp_path).replace("</body>", PROBE)
    (tmp_path / "probe.html").write_text(page)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    place = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run([*command, place, (tmp_path / "probe.html").as_uri()], capture_output=True, text=True)
    (found,) = re.findall(r'data-found="([^"]*)"', done.stdout)
    assert found.split("|") == ["300 1,200 20,000", "20,000 1,200 300", "2", "1", "0"]


DARK = """<script>
const paint = element => getComputedStyle(element).backgroundColor;
document.body.dataset.found = [matchMedia("(prefers-color-scheme: dark)").matches, paint(document.body),
  getComputedStyle(document.body).color, paint(document.querySelector("figure"))].join("|");
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not opened in a browser")
@pytest.mark.parametrize("dark", [True, False])
def test_in_a_browser_a_page_is_light_or_dark(dark: bool, tmp_path: Path) -> None:
    (tmp_path / "probe.html").write_text(_written(tmp_path).replace("</body>", DARK))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, (tmp_path / "probe.html").as_uri()], capture_output=True, text=True)
    (found,) = re.findall(r'data-found="([^"]*)"', done.stdout)
    asked, paper, ink, figure = found.split("|")
    assert asked == str(dark).lower() and figure == "rgb(255, 255, 255)"  # figures are drawn for white paper

    def lightness(colour: str) -> float:
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765

    assert (
        (lightness(paper) < 0.2 and lightness(ink) > 0.8) if dark else (lightness(paper) > 0.9 and lightness(ink) < 0.3)
    )


def test_a_wave_shows_what_fired() -> None:
    adder = circuit("add", "float8_e4m3fn")
    drawn = wave_svg(adder, 1.75, 0.5)
    assert drawn.count("<circle") == adder.neurons and 'class="fire"' in drawn and ">2.25<" in drawn
    still = wave_svg(adder, 0.0, 0.0)
    assert still.count('class="fire"') < drawn.count('class="fire"')


def test_the_demo_is_right_and_needs_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = json.loads(ended("demo", "--json").stdout)
    assert found["wrong"] == 0 and found["pairs"] == 100_000 and found["neurons"] > 500


def test_completion_knows_commands_and_options() -> None:
    done = ended("completion", "bash")
    assert "evaluate" in done.stdout and "--resume" in done.stdout and done.returncode == 0
