"""What is built of one network, and the golden function that it must equal.

A circuit of threshold neurons and an operator of populations are both `Built`; the `Golden` beside it says, without
any neuron, what it must answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from lava_nexus.shown import Shown

Known = Literal["hardware", "integers", "program", "table"]
"""How a golden function is known.

`hardware`: IEEE arithmetic of this machine, through NumPy and ml_dtypes. `integers`: exact integers, rounded once.
`program`: an integer program, which is the function by definition; how near it comes to correct rounding is measured.
`table`: every result listed, correctly rounded.
"""


class Golden(ABC):
    """The function that a network must equal: integers or bit patterns of each input port to those of the output port.

    Attributes:
        known: how it is known.
        outputs: output ports.
    """

    known: Known
    outputs: int = 1

    @abstractmethod
    def __call__(self, *operands: NDArray[Any]) -> NDArray[Any]:
        """Results of the first output port, element by element (an operator of populations: row by row)."""

    def every_output(self, *operands: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Results of each output port."""
        return (self(*operands),)

    @property
    def digest(self) -> str | None:
        """SHA-256 of an integer program or a table; None for what the sources of golden functions say."""
        return None

    def constant(self, pattern: int, varying: int) -> int | None:
        """The one result of all operands that differ from the pattern in bits of `varying` alone; None: not known."""
        return None


@final
@dataclass(frozen=True, eq=False)
class Computed(Golden):
    """A golden function that a Python function computes.

    Attributes:
        function: operands to results, a tuple of them where output ports are several.
    """

    function: Callable[..., NDArray[Any] | tuple[NDArray[Any], ...]]
    known: Known
    outputs: int = 1

    def __call__(self, *operands: NDArray[Any]) -> NDArray[Any]:
        """Results of the first output port."""
        return self.every_output(*operands)[0]

    def every_output(self, *operands: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Results of each output port."""
        found = self.function(*operands)
        return found if isinstance(found, tuple) else (found,)


class Network(Protocol):
    """What can be counted of a network of neurons, whatever its class."""

    @property
    def neurons(self) -> int:
        """Neurons, relays included."""

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""

    @property
    def depth(self) -> int:
        """Time steps from inputs to outputs."""

    @property
    def window(self) -> int:
        """Time steps between two operand sets."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""

    @property
    def n_inputs(self) -> int:
        """Input signals, the strobe included."""

    @property
    def fan_out(self) -> NDArray[np.integer[Any]]:
        """[signals], synapses that a spike of the signal reaches."""


class Built(Shown):
    """A network with a name.

    Attributes:
        name: what it computes.
        basis: what it is built of.
        network: the neurons.
        golden: what they must answer.
        options: arguments that differ from their defaults.
    """

    name: str
    basis: str
    network: Network
    golden: Golden
    options: tuple[tuple[str, Any], ...]

    @property
    def neurons(self) -> int:
        """Neurons, relays included."""
        return self.network.neurons

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""
        return self.network.synapses

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.network.depth

    @property
    def digest(self) -> str:
        """Name of the content: SHA-256 of the network."""
        return self.network.digest

    @property
    @abstractmethod
    def title(self) -> str:
        """What it computes on which operands, for example `add float32`."""

    @property
    def label(self) -> str:
        """For tables: title and options; for example `convert float32 to int8, rounding zero`."""
        return ", ".join([self.title, *(f"{key} {value}" for key, value in self.options)])

    def _facts(self) -> tuple[str, dict[str, Any]]:
        sizes = {"neurons": self.neurons, "synapses": self.synapses, "depth": self.depth}
        return f"{self.label}, {self.basis} basis", sizes

    def _picture(self) -> str:
        drawn: str = getattr(self.network, "_picture", str)()
        return drawn
