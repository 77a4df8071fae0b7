"""Which tables a config asks for beside those of layers and operations."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.config.ulp_tables import ModelTables, UlpTablesConfig
from lava_nexus.tables.coded_linear import coded_linear_section
from lava_nexus.tables.digits_baselines import digits_section
from lava_nexus.tables.encoding_table import encoding_section
from lava_nexus.tables.methods import methods_section
from lava_nexus.tables.section import Section

_NARROW = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "num_hidden_layers": 2,
}
_INPUTS, _SEEDS, _WIDTH, _IMAGES = 1024, 3, 32, 1


def sections(config: UlpTablesConfig, folder: Path) -> list[Section]:
    """Measures the tables that the config has and draws their figures in the folder."""
    found = []
    if config.encodings is not None:
        found.append(encoding_section(config.encodings, config.seed, folder))
    if config.methods is not None:
        found.append(methods_section(config.methods, config))
        if config.methods.linear:
            found.append(coded_linear_section(config.methods.codes, config.methods.steps, config))
    if config.digits is not None:
        found.append(digits_section(config.digits, config))
    return found


def small(config: UlpTablesConfig) -> UlpTablesConfig:
    """The same tables in a few seconds: 1,024 inputs, three seeds, a narrow block and model."""
    update: dict[str, object] = {"inputs": tuple(sorted({min(n, _INPUTS) for n in config.inputs}))}
    if config.encodings is not None:
        update["encodings"] = config.encodings.model_copy(update={"seeds": min(config.encodings.seeds, _SEEDS)})
    if config.methods is not None:
        widths = {"width": min(config.methods.width, _WIDTH), "hidden": min(config.methods.hidden, 3 * _WIDTH)}
        update["methods"] = config.methods.model_copy(update=widths)
    if config.digits is not None:
        update["digits"] = config.digits.model_copy(update={"images": _IMAGES, "steps": (8,), "epochs": 2})
    if config.model is not None:
        update["model"] = _small_model(config.model)
    return config.model_copy(update=update)


def _small_model(model: ModelTables) -> ModelTables:
    """At most two layers of a narrow model with four tokens; a checkpoint keeps its shape."""
    if model.architecture is None:
        return model.model_copy(update={"tokens": 2})
    narrow = {k: min(v, most) for k, most in _NARROW.items() if isinstance(v := model.architecture.get(k), int)}
    return model.model_copy(update={"tokens": 4, "architecture": {**model.architecture, **narrow}})
