"""Unfinished work on disk: kept whole, refused where it is damaged or of another run, removed by name only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus import store as stores
from lava_nexus.errors import NexusError
from lava_nexus.store import Store

IDENTITY = {"config": {"seed": 1}, "weights": [["w.safetensors", "0" * 64]], "steps": 3}


def _store(folder: Path, **changes: Any) -> Store:
    return Store(folder / "steps", "step", {**IDENTITY, **changes})


def test_a_piece_comes_back(tmp_path: Path) -> None:
    arrays = {"hidden": np.arange(6, dtype=np.uint16).reshape(2, 3)}
    _store(tmp_path).put(0, {"name": "layer 0", "counts": [1, 2**70]}, arrays)
    piece = _store(tmp_path).get(0)
    assert piece is not None and piece.values == {"name": "layer 0", "counts": [1, 2**70]}
    assert piece.arrays["hidden"].dtype == np.uint16 and np.array_equal(piece.arrays["hidden"], arrays["hidden"])
    assert _store(tmp_path).get(1) is None
    assert list(np.load(_store(tmp_path).path(0))) == ["header", "hidden"]  # other tools read it


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": {"seed": 2}}, "with another config; begin anew with --restart"),
        ({"weights": [["w.safetensors", "1" * 64]]}, "with another weights;"),
        ({"steps": 4}, r"with another steps \(3, not 4\)"),
        ({"processor": {"name": "x"}}, "with another processor;"),
    ],
)
def test_another_run_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    _store(tmp_path).put(0, {})
    with pytest.raises(NexusError, match=words):
        _store(tmp_path, **changes).get(0)


@pytest.mark.parametrize(
    ("name", "made", "words"),
    [
        ("installed_versions", lambda: {"lava-nexus": "0.0.9", "numpy": "1"}, "another package version"),
        ("package_sources", lambda: "changed", "another sources"),
        ("installed_versions", lambda: {**REAL(), "numpy": "0.1"}, "another environment"),
    ],
)
def test_another_package_or_environment_is_refused(
    name: str, made: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _store(tmp_path).put(0, {})
    monkeypatch.setattr(stores, name, made)
    with pytest.raises(NexusError, match=words):
        _store(tmp_path).get(0)


REAL = stores.installed_versions


def test_every_flipped_byte_is_seen(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.put(0, {"a": 1}, {"x": np.ones(4)})
    path = store.path(0)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(NexusError, match="cannot be read"):
            store.get(0)
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(NexusError, match="cannot be read"):
            store.get(0)
    path.unlink()
    path.mkdir()
    with pytest.raises(NexusError, match="no regular file"):
        store.get(0)


def test_a_piece_under_another_name_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.put(0, {})
    store.path(0).rename(store.path(1))
    with pytest.raises(NexusError, match="it is another piece"):
        store.get(1)


def test_only_own_files_are_removed(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.put(0, {})
    store.put("a text", {})
    others = ["thesis.txt", "photos.npz", "stepwise.npz", "step1.npz"]
    for name in others:
        (store.folder / name).write_text("of somebody else")
    assert len(store.paths) == 2
    store.clear()
    assert sorted(path.name for path in store.folder.iterdir()) == sorted(others)
    for name in others:
        (store.folder / name).unlink()
    store.clear()
    assert not store.folder.exists()


def test_a_run_that_was_ended_asks(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.begin()
    store.put(0, {})
    with pytest.raises(NexusError, match=r"holds 1 finished step of a run .*: go on with --resume, or begin anew with"):
        store.begin()
    store.begin(resume=True)
    assert len(store.paths) == 1
    store.begin(restart=True)
    assert not store.paths


def test_what_is_named_by_its_content_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, calls = Store(tmp_path / "cells", "cell", {}), list[int]()

    def compute() -> dict[str, Any]:
        calls.append(1)
        return {"n": len(calls)}

    assert [store.kept("a", compute), store.kept("a", compute), store.kept("b", compute)] == [
        {"n": 1},
        {"n": 1},
        {"n": 2},
    ]
    for path in store.paths:
        path.write_bytes(path.read_bytes()[:-9])
    assert store.kept("a", compute) == {"n": 3}
    monkeypatch.setattr(stores, "installed_versions", lambda: {"lava-nexus": "9"})
    assert Store(tmp_path / "cells", "cell", {}).kept("a", compute) == {"n": 4}
    assert len(store.paths) == 3  # those of the other version are still there
