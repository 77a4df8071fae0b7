"""What configs of runs share: which executor evaluates the circuits, and its options."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.config.membrane import MembraneOptions
from lava_nexus.config.transformer import ArithmeticConfig

ExecutorName = Literal["lava", "loihi2", "bitsliced", "membrane", "reference"]


class LavaOptions(Config):
    """How the Lava executor runs.

    Attributes:
        level: what evaluates a neuron in the operator Processes: compiled word operations, or a membrane each.
        processes: most operating-system processes that a block may become.
    """

    level: Literal["word logic", "vectorised neurons"] = "word logic"
    processes: int = Field(default=20, ge=1, le=64)


class ExecutionConfig(ArithmeticConfig):
    """How a model computes, and on what.

    Attributes:
        executor: what evaluates the circuits; `loihi2` needs a chip and Intel's extension of Lava.
        timeout_seconds: wall time after which a run on Lava is ended with an error.
        lava: options of the Lava executor.
        membrane: options of the membrane executor: leak, reset, noise, faults.
    """

    executor: ExecutorName = "bitsliced"
    timeout_seconds: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    lava: LavaOptions = LavaOptions()
    membrane: MembraneOptions = MembraneOptions()

    @model_validator(mode="after")
    def _used(self) -> ExecutionConfig:
        if self.membrane != MembraneOptions() and self.executor != "membrane":
            raise ValueError(f"options of 'membrane' are given, but executor is {self.executor}, not membrane")
        return self

    @property
    def executor_options(self) -> dict[str, Any]:
        """What a `ProgramRunner` of the executor takes, for one sequence at a time."""
        if self.executor == "membrane":
            return self.membrane.executor_options(self.seed)
        if self.executor != "lava":
            return {}
        lava = self.lava
        return {"batch": 1, "level": lava.level, "processes": lava.processes, "timeout": self.timeout_seconds}
