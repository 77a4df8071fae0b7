"""A program as few large steps on one GPU, and what runs them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from lava_nexus.execute.cuda.device import placed
from lava_nexus.execute.cuda.steps import Placing, Step
from lava_nexus.execute.cuda.tables import Elements
from lava_nexus.execute.tallies import Tallies
from lava_nexus.formats import NumberFormat

Ran = tuple[dict[str, Any], dict[str, Tallies]]


@dataclass
class Plan:
    """Steps in an order in which they can run.

    Attributes:
        steps: that read and write buffers.
        feeds: number of each input's buffer.
        constants: patterns by buffer.
        outputs: elements and shape of each.
        formats: of every buffer; None for those of constants alone.
        last: step behind which a buffer is no longer read.
        layers: counts by layer where nothing but invocations is counted, else empty tallies.
    """

    steps: list[Step]
    feeds: dict[str, int]
    constants: dict[int, NDArray[Any]]
    outputs: dict[str, tuple[Elements, tuple[int, ...]]]
    formats: list[NumberFormat | None]
    last: dict[int, list[int]]
    layers: dict[str, Tallies]
    _placed: dict[int, Any] = field(default_factory=dict)

    def run(
        self, executor: Placing, feeds: Mapping[str, Any], look: Callable[[int, Any], None] = lambda *_: None
    ) -> Ran:
        """(patterns by output on the current GPU, counts by layer); `look` is shown every buffer that a step wrote."""
        if not self._placed:
            self._placed = {number: placed(patterns).reshape(-1) for number, patterns in self.constants.items()}
        buffers: dict[int, Any] = dict(self._placed)
        buffers |= {number: executor.flat(feeds[name]) for name, number in self.feeds.items()}
        layers = {name: Tallies().merge(tallies) for name, tallies in self.layers.items()}
        for i, step in enumerate(self.steps):
            for tally in step.run(executor, buffers):
                layers[step.layer].add(tally)
            look(step.buffer, buffers[step.buffer])
            for number in self.last.get(i, ()):
                buffers.pop(number, None)
        outputs = {}
        for name, (elements, shape) in self.outputs.items():
            outputs[name] = elements.read(buffers).reshape(shape)
        return outputs, layers
