from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lava_nexus import disk_cache
from lava_nexus.disk_cache import Arrays, Metadata, cache_directory, cached, source_digest


class Store:
    """Counts how often an entry had to be built."""

    def __init__(self) -> None:
        self.built = 0

    def get(self, key: str = "key", value: int = 7) -> tuple[list[int], str]:
        def build() -> tuple[list[int], str]:
            self.built += 1
            return [value] * 3, f"value {value}"

        return cached("tests", key, build, save, load)


def save(entry: tuple[list[int], str]) -> tuple[Arrays, Metadata]:
    return {"numbers": np.array(entry[0])}, {"text": entry[1]}


def load(arrays: Arrays, metadata: Metadata) -> tuple[list[int], str]:
    return arrays["numbers"].tolist(), metadata["text"]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_entry_is_built_once(directory: Path) -> None:
    store = Store()
    assert store.get() == store.get() == ([7, 7, 7], "value 7")
    assert store.built == 1
    assert store.get("other", 8)[1] == "value 8"
    assert store.built == 2 and len(list(directory.rglob("*.npz"))) == 2


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"PK" + b"x" * 300])
def test_a_damaged_entry_is_built_again(directory: Path, damage: object) -> None:
    store = Store()
    store.get()
    (file,) = directory.rglob("*.npz")
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert store.get() == ([7, 7, 7], "value 7") and store.built == 2
    assert store.get() == ([7, 7, 7], "value 7") and store.built == 2


def test_an_entry_of_another_key_or_shape_is_not_served(directory: Path) -> None:
    store = Store()
    store.get()
    (file,) = directory.rglob("*.npz")
    store.get("other", 8)
    (other,) = set(directory.rglob("*.npz")) - {file}
    file.replace(other)
    assert store.get("other", 8)[1] == "value 8" and store.built == 3
    np.savez(other, numbers=np.arange(2))
    assert store.get("other", 8)[1] == "value 8" and store.built == 4


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path / "file" / "below"))
    store = Store()
    assert store.get() == store.get() == ([7, 7, 7], "value 7")
    assert store.built == 2


def test_nothing_half_written_is_left(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(disk_cache.np, "savez", full_disk)
    assert Store().get()[1] == "value 7"
    assert [path for path in directory.rglob("*") if path.is_file()] == []


def test_the_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAVA_NEXUS_CACHE", "/somewhere")
    assert cache_directory() == Path("/somewhere")
    monkeypatch.delenv("LAVA_NEXUS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_directory() == Path("/elsewhere/lava_nexus")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_directory() == Path("/home/someone/.cache/lava_nexus")


def test_a_changed_source_has_another_digest(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_text("a = 1\n")
    before = source_digest(str(file))
    file.write_text("a = 2\n")
    assert source_digest(str(file)) != before
    file.write_text("a = 1\n")
    assert source_digest(str(file)) == before
