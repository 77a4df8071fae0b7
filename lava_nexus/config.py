"""YAML into frozen, checked objects; a mistake is one sentence: the key's dotted path, the value, what is allowed."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lava_nexus.documents import MOST_LEVELS, parse_yaml, read_yaml
from lava_nexus.errors import NexusError, brief

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every config: frozen, no unknown keys, no silent conversion ("3" is not 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def resolved(self) -> dict[str, Any]:
        """The whole config, defaults filled in, as plain JSON values for a report."""
        return self.model_dump(mode="json")


def load_config(config_type: type[ConfigT], path: Path, overrides: Sequence[str] = ()) -> ConfigT:
    """Reads a YAML file, applies `a.b=c` overrides in order and checks the result.

    Raises:
        NexusError: one sentence with the first mistake found.
    """
    data = read_yaml(path)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise NexusError(f"config '{path}' must hold keys and values, not {_shown(data)}")
    paths = {_override(data, text): text for text in overrides}
    return build_config(config_type, data, f"config '{path}'", paths)


def build_config(
    config_type: type[ConfigT], data: dict[str, Any], source: str, overrides: dict[str, str] | None = None
) -> ConfigT:
    """Checks plain values against a config type.

    In errors `source` names the values, and `overrides` maps the paths that `--set` replaced to its texts.

    Raises:
        NexusError: one sentence with the first mistake found, unknown keys before the others.
    """
    try:
        text = json.dumps(data, default=str)
    except (ValueError, TypeError, RecursionError) as error:
        raise NexusError(f"{source} cannot be checked: {brief(str(error))}") from error
    try:
        return config_type.model_validate_json(text, strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
        raise NexusError(_sentence(config_type, first, source, overrides or {})) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or, without a near word, the list of those known."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(names)}"


def _override(data: dict[str, Any], text: str) -> str:
    """Puts one `a.b=c` into `data` in place and returns its path; the schema is held against the result later."""
    path, equals, value = text.partition("=")
    path, steps = path.strip(), path.strip().split(".")
    shown = f"--set {brief(text)}"
    if len(steps) > MOST_LEVELS:
        raise NexusError(f"{shown}: its key has {len(steps)} parts, more than {MOST_LEVELS}")
    if not equals or not all(steps):
        raise NexusError(f"{shown} is not of the form key=value, for example --set seed=1")
    here = data
    for depth, step in enumerate(steps[:-1], start=1):
        if here.get(step) is None:
            here[step] = {}
        if not isinstance(here[step], dict):
            raise NexusError(f"{shown}: '{brief('.'.join(steps[:depth]))}' is {_shown(here[step])}, which has no keys")
        here = here[step]
    here[steps[-1]] = parse_yaml(value, f"--set {brief(text)}")
    return path


def _sentence(config_type: type[Config], detail: ErrorDetails, source: str, overrides: dict[str, str]) -> str:
    path, owner = _locate(config_type, detail["loc"])
    origin = next((f"--set {brief(text)}" for key, text in overrides.items() if _within(key, path)), source)
    path = brief(path)
    value = _shown(detail["input"])
    if detail["type"] == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        return f"{origin}: key '{path}' does not exist{did_you_mean(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{origin}: key '{path}' is missing"
    if detail["type"].startswith("union_tag"):
        tag, allowed = detail["ctx"]["discriminator"].strip("'"), detail["ctx"].get("expected_tags", "")
        if detail["type"] == "union_tag_not_found":
            return f"{origin}: key '{path}.{tag}' is missing"
        return f"{origin}: '{path}.{tag}' is '{detail['ctx']['tag']}', must be one of {allowed}"
    if detail["type"] == "literal_error":
        known = [word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        near = difflib.get_close_matches(str(detail["input"]), known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{origin}: '{path}' is {value}, must be {detail['ctx']['expected']}{hint}"
    if detail["type"] == "value_error":
        subject = f"'{path}' is {value}" if path else "config"
        return f"{origin}: {subject}: {detail['ctx']['error']}"
    return f"{origin}: '{path}' is {value}, {_allowed(detail)}"


def _allowed(detail: ErrorDetails) -> str:
    kinds = {
        "model_type": "must hold keys and values",
        "model_attributes_type": "must hold keys and values",
        "dict_type": "must hold keys and values",
        "tuple_type": "must be a list",
        "int_type": "must be an integer",
        "int_from_float": "must be an integer",
        "float_type": "must be a number",
        "bool_type": "must be true or false",
        "string_type": "must be text",
    }
    return kinds.get(detail["type"], detail["msg"].replace("Input should", "must"))


def _within(key: str, path: str) -> bool:
    return path == key or path.startswith(f"{key}.") or key.startswith(f"{path}.")


def _shown(value: Any) -> str:
    text = "empty" if value is None else json.dumps(value, default=str)
    text = f"'{text[1:-1]}'" if isinstance(value, str) else text
    return text if len(text) <= 60 else f"{text[:57]}..."


def _locate(config_type: type[Config], loc: Sequence[int | str]) -> tuple[str, type[Config] | None]:
    """Dotted path of an error, the tags of unions left out, and the config type that owns its last key."""
    owners: list[type[Config]] = [config_type]
    path: list[str] = []
    owner: type[Config] | None = config_type
    for step in loc:
        fields = {name: field.annotation for one in owners for name, field in one.model_fields.items()}
        tagged = [one for one in owners if _tag_of(one) == step]
        if step not in fields and tagged:
            owners = tagged
            continue
        owner = owners[0] if owners else None
        path.append(str(step))
        owners = _configs_in(fields[step]) if step in fields else owners if isinstance(step, int) else []
    return ".".join(path), owner


def _configs_in(annotation: Any) -> list[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _configs_in(part)]


def _tag_of(config_type: type[Config]) -> Any:
    field = config_type.model_fields.get("kind")
    values = typing.get_args(field.annotation) if field else ()
    return values[0] if values else None
