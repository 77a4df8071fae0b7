"""Finished pieces of an evaluation, a line each, so that a run that was ended goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.files import append_line, write_bytes


class Store:
    """Lines of JSON in a file: first what the run is, then one for each finished piece.

    Attributes:
        path: of the file.
        done: values by key of the pieces that are there.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], resume: bool) -> None:
        """Without `resume` the file is begun anew.

        Raises:
            NexusError: `resume` on a file of another run.
        """
        self.path = path
        self.done: dict[str, Any] = {}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
        lines = path.read_bytes().splitlines(keepends=True) if resume and path.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]  # a run that was ended may leave half a line
        if whole and json.loads(whole[0]).get("identity") != digest:
            raise NexusError(f"'{path}' is of a run with another config; leave `--resume` out to begin anew")
        for line in whole[1:]:
            row = json.loads(line)
            self.done[row["key"]] = row["value"]
        head = json.dumps({"identity": digest}).encode() + b"\n"
        write_bytes(path, b"".join(whole) or head)

    def put(self, key: str, value: Any) -> None:
        """Keeps a piece, at once."""
        self.done[key] = value
        append_line(self.path, json.dumps({"key": key, "value": value}))

    def clear(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)
