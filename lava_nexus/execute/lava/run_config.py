"""Which model of each Process a run uses."""

from __future__ import annotations

from typing import Any, Literal, get_args

from lava.magma.core.run_configs import Loihi2SimCfg

from lava_nexus.errors import NexusError

Level = Literal["vectorised", "lif"]


class LevelRunConfig(Loihi2SimCfg):
    """Prefers models tagged with the level, then fixed-point ones, then whatever Lava would choose.

    Lava demands its own `select_tag` of every model of a graph, so that one tag cannot serve both a Process of ours and
    Lava's LIF beneath it; and its `select` can raise IndexError where a Process has several tagged SubProcessModels.
    """

    def __init__(self, level: Level = "vectorised") -> None:
        if level not in get_args(Level):
            raise NexusError(f"Lava level '{level}' is not one of {', '.join(get_args(Level))}")
        super().__init__()
        self.level = level

    def select(self, process: Any, proc_models: list[Any]) -> Any:
        """The first model with the level's tag, or the first with `fixed_pt`, or the stock choice."""
        for tag in (self.level, "fixed_pt"):
            for model in proc_models:
                if tag in model.tags:
                    return model
        return super().select(process, proc_models)
