"""Text to tokens and back, by the tokenizer.json of a checkpoint's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError

_FILE = "tokenizer.json"


def encoded(folder: Path, text: str) -> list[int]:
    """The ids of a text, with the special tokens that the tokenizer adds.

    Raises:
        NexusError: the folder has no tokenizer.json, it is none, or the text gives no token.
    """
    ids = list(tokenizer(folder).encode(text).ids)
    if not ids:
        raise NexusError(f"text {text!r} gives no token")
    return ids


def decoded(folder: Path, ids: Sequence[int]) -> str | None:
    """The text of ids; None where the folder has no tokenizer.json."""
    if not (folder / _FILE).is_file():
        return None
    return str(tokenizer(folder).decode(list(ids)))


def tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.json.

    Raises:
        NexusError: there is none, or it is none.
    """
    if not (folder / _FILE).is_file():
        raise NexusError(f"checkpoint '{folder}' has no '{_FILE}', so it takes token ids and no text")
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(folder / _FILE))
    except Exception as error:  # tokenizers raises nothing narrower
        raise NexusError(f"'{folder / _FILE}' is no tokenizer: {str(error).splitlines()[0]}") from error
