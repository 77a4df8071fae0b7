"""Stages written as programs, kept where others are alike: layers of one shape differ in names and weights alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lava_nexus.execute.tallies import Tallies
from lava_nexus.models.stage import Arithmetic, Stage
from lava_nexus.models.tensors import TensorSource
from lava_nexus.populations.catalogue import GATES
from lava_nexus.programs.program import Program

_MOST = 32
_known: OrderedDict[Any, Written] = OrderedDict()


@dataclass(frozen=True)
class Written:
    """A stage as a program.

    Attributes:
        program: with weights as inputs or constants.
        scope: that its layers lie in.
        neurons, synapses: of every circuit, an instance for each invocation.
        depth: time steps.
    """

    program: Program
    scope: str
    neurons: int
    synapses: int
    depth: int

    @classmethod
    def of(cls, stage: Stage, arithmetic: Arithmetic, source: TensorSource | None = None) -> Written:
        """Written now, or, without weights, as a stage that is alike was."""
        key = None
        plain = arithmetic.nonlinear == GATES and arithmetic.spikes is None and isinstance(arithmetic.accumulate, str)
        if source is None and stage.alike is not None and plain:
            shapes = tuple((role, shape) for role, (_, shape) in stage.tensors.items())
            how = tuple(value for name, value in vars(arithmetic).items() if name not in ("nonlinear", "spikes"))
            reads = tuple((name, read.shape, read.format, read.inner) for name, read in stage.reads.items())
            key = stage.alike, reads, shapes, how
        if key is not None and key in _known:
            _known.move_to_end(key)
            return _known[key]
        program = stage.program(arithmetic, source)
        made = cls(program, stage.scope, program.neurons, program.synapses, program.depth)
        if key is not None:
            _known[key] = made
            while len(_known) > _MOST:
                _known.popitem(last=False)
        return made

    def renamed(self, layers: Mapping[str, Tallies], stage: Stage) -> dict[str, Tallies]:
        """Counts by layer of the stage, not of the one that was written."""
        old, new = self.scope, stage.scope
        return {new + name[len(old) :] if name.startswith(old) else name: tallies for name, tallies in layers.items()}
