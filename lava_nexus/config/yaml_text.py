"""YAML as people expect it: `1e-5` is a number, `no` is a word, a key given twice is a mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from lava_nexus.errors import NexusError

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
    """SafeLoader with the scalars of YAML 1.2, and keys that may be given once."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and type that PyYAML reads
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is not a single word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


for _tag, (_pattern, _first) in _REPLACED.items():
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))


def parse(text: str, source: str) -> Any:
    """The value that YAML text stands for; `source` names it in errors.

    Raises:
        NexusError: the text is not YAML, with line and column.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise NexusError(f"{source} is not valid YAML{where}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NexusError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error


def read(path: Path) -> Any:
    """The value in a YAML file.

    Raises:
        NexusError: the file is missing, is no text or no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NexusError(f"config '{path}' does not exist") from error
    except UnicodeDecodeError as error:
        raise NexusError(f"config '{path}' is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise NexusError(f"config '{path}' cannot be read: {(error.strerror or str(error)).lower()}") from error
    return parse(text, f"config '{path}'")
