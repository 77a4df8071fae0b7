"""Objects show themselves in a line, and in Jupyter as a table; nothing dumps its arrays."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import lava_nexus as nexus

ADDER = nexus.circuit("add", "float8_e4m3fn")
RESULT = nexus.run(ADDER, np.zeros(1000), np.zeros(1000), executor="membrane")
PLACED = nexus.place(ADDER)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (nexus.FLOAT32, "bias"),
        (nexus.INT8, "-128 to 127"),
        (ADDER, f"neurons {ADDER.neurons:,}"),
        (ADDER.network, f"depth {ADDER.depth}"),
        (RESULT, "level vectorised neurons"),
        (RESULT.tally, "invocations 1,000"),
        (PLACED, "cores 1"),
        (nexus.energy_of(RESULT), "work alone, no machine"),
        (nexus.energy_of(PLACED), "pace streamed"),
    ],
    ids=lambda of: type(of).__name__,
)
def test_a_line_and_a_table(thing: object, said: str) -> None:
    line, html = repr(thing), thing._repr_html_()  # type: ignore[attr-defined]
    assert len(line) < 240 and "\n" not in line
    page = ElementTree.fromstring(html)  # well formed
    told = " ".join(page.itertext())
    assert all(word in told for word in said.split()) and "array(" not in line
    assert type(thing).__name__.endswith("Format") or said in line
    assert "http" not in html.replace("http://www.w3.org", "")


def test_pictures_say_what_they_are() -> None:
    assert ADDER._repr_html_().count("<rect") == min(ADDER.depth, 96)
    assert PLACED._repr_html_().count("<rect") == PLACED.chip.mesh.cores
