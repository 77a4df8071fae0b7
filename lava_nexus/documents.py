"""YAML and JSON read within bounds: size, depth, digits, aliases. Whatever the text is, the answer is quick and small.

YAML is read as people expect it: `1e-5` is a number, `no` is a word, a key given twice is a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lava_nexus.errors import NexusError, brief
from lava_nexus.files import read_regular

MOST_BYTES_OF_YAML, MOST_BYTES_OF_JSON = 1 << 18, 1 << 28
"""A config is a page; a report with every layer of a large model some megabytes."""
MOST_LEVELS = 64
"""Of lists and mappings inside each other."""
MOST_VALUES = 100_000
"""Of a YAML text, what aliases repeat counted each time."""
MOST_DIGITS = 400
"""Of an integer: more than the largest FP64 has; its schema says what a value may be."""

_FLOAT = re.compile(
    r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
)
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_REPLACED = {
    "tag:yaml.org,2002:float": (_FLOAT, "-+0123456789."),
    "tag:yaml.org,2002:bool": (_BOOLEAN, "tTfF"),
}
_DROPPED = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value", *_REPLACED}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, keys that may be given once, and bounds."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and type that PyYAML reads
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _level = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Counts levels on the way down, before anything is built."""
        self._level += 1
        if self._level > MOST_LEVELS + 1:
            mark = self.peek_event().start_mark
            raise yaml.constructor.ConstructorError(None, None, f"it is nested deeper than {MOST_LEVELS} levels", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._level -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        """Counts values, repeated ones each time, before anything is built."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _values_of(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is not a single word", key.start_mark)
            if key.value in seen:
                said = f"key '{brief(key.value)}' is given twice"
                raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """An integer of bounded length."""
        if len(node.value) > MOST_DIGITS:
            said = f"an integer of {len(node.value)} digits, more than {MOST_DIGITS}"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        return int(super().construct_yaml_int(node))


for _tag, (_pattern, _first) in _REPLACED.items():
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _values_of(node: yaml.Node, known: dict[int, int]) -> int:
    """Values below a node, aliases followed; levels are bounded already, aliases to what they stand in are not."""
    if id(node) in known:
        if known[id(node)] == 0:
            raise yaml.constructor.ConstructorError(None, None, "it contains itself through an alias", node.start_mark)
        return known[id(node)]
    known[id(node)] = 0
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    total = 1 + sum(_values_of(part, known) for part in parts)
    if total > MOST_VALUES:
        said = f"its aliases and lists stand for more than {MOST_VALUES:,} values"
        raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
    known[id(node)] = total
    return total


def parse_yaml(text: str, source: str) -> Any:
    """The value that YAML text stands for; `source` names it in errors.

    Raises:
        NexusError: the text is not YAML, with line and column, or beyond the bounds.
    """
    if len(text) > MOST_BYTES_OF_YAML:
        raise NexusError(f"{source} has {len(text):,} characters, more than {MOST_BYTES_OF_YAML:,}")
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise NexusError(
            f"{source} is not valid YAML{where}: {brief(error.problem or 'it has no form', 120)}"
        ) from error
    except yaml.YAMLError as error:
        raise NexusError(f"{source} is not valid YAML: {brief(str(error), 120)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise NexusError(f"{source} is not valid YAML: a value does not fit its tag ({brief(str(error))})") from error


def parse_json(text: str | bytes, source: str) -> Any:
    """The value that JSON text stands for; `source` names it in errors.

    Raises:
        NexusError: the text is no JSON, or beyond the bounds.
    """
    try:
        value = json.loads(text, parse_int=_integer)
        _check_levels(value)
    except RecursionError:
        raise NexusError(f"{source} is no JSON that is read: it is nested deeper than {MOST_LEVELS} levels") from None
    except ValueError as error:
        raise NexusError(f"{source} is no JSON: {brief(str(error), 120)}") from error
    return value


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits, more than {MOST_DIGITS}")
    return int(digits)


def _check_levels(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [part for parts in map(_parts, level) for part in parts]
    if level:
        raise RecursionError


def _parts(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (part for part in inside if isinstance(part, dict | list))


def read_yaml(path: Path, what: str = "config") -> Any:
    """The value in a YAML file; raises NexusError as `parse_yaml` does, or where it cannot be read."""
    data = _read(path, what, MOST_BYTES_OF_YAML)
    return parse_yaml(_decoded(data, f"{what} '{path}'"), f"{what} '{path}'")


def read_json(path: Path, what: str = "file") -> Any:
    """The value in a JSON file; raises NexusError as `parse_json` does, or where it cannot be read."""
    return parse_json(_read(path, what, MOST_BYTES_OF_JSON), f"{what} '{path}'")


def read_text(path: Path, what: str, most: int = 1 << 32) -> str:
    """The UTF-8 text of a file; raises NexusError where it is none."""
    return _decoded(_read(path, what, most), f"{what} '{path}'")


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NexusError(f"{source} is not UTF-8 text (byte {error.start})") from error


def _read(path: Path, what: str, most: int) -> bytes:
    try:
        return read_regular(path, most=most)
    except FileNotFoundError as error:
        raise NexusError(f"{what} '{path}' does not exist") from error
    except OSError as error:
        raise NexusError(f"{what} '{path}' cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise NexusError(f"{what} '{path}' cannot be read: {error}") from error
