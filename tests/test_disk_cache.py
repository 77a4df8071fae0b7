from __future__ import annotations

import fcntl
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lava_nexus import disk_cache
from lava_nexus.disk_cache import Arrays, Metadata, cache_directory, cached, recalled, remember, source_digest
from lava_nexus.errors import NexusError


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


def test_a_second_process_waits_for_the_first_in_place_of_building_too(directory: Path) -> None:
    """Three processes ask for one entry at once: it is built once, and nothing of the lock is left."""
    code = (
        "import os, time; from lava_nexus.disk_cache import cached\n"
        "def build(): time.sleep(1); print('built', flush=True); return 7\n"
        "found = cached('tests', 'key', build, lambda entry: ({}, {'entry': entry}), lambda _, found: found['entry'])\n"
        "assert found == 7"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted(said) == ["", "", "built\n"]
    assert [path.suffix for path in directory.rglob("*") if path.is_file()] == [".npz"]


def test_who_stands_still_with_an_entry_is_waited_for_no_longer_than_said(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    store.get("another")
    monkeypatch.setattr(disk_cache, "_PATIENCE_SECONDS", 0.2)
    lock = directory / "tests" / f"{hashlib.sha256(b'key').hexdigest()}.npz.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert store.get()[1] == "value 7"


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

    monkeypatch.setattr(os, "replace", full_disk)
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


def test_every_flipped_bit_is_seen(directory: Path) -> None:
    """Zip checks a member only when it is read to its end, and its headers never."""
    store = Store()
    store.get()
    (file,) = directory.rglob("*.npz")
    whole, chance = file.read_bytes(), random.Random(0)
    places = [*range(60), *(chance.randrange(len(whole)) for _ in range(240))]
    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :])
        built = store.built
        assert store.get() == ([7, 7, 7], "value 7") and store.built == built + 1
        assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "error", [RuntimeError, RecursionError, NotImplementedError, SyntaxError, OverflowError, MemoryError, NexusError]
)
def test_whatever_reading_raises_has_the_entry_built_again(error: type[Exception], directory: Path) -> None:
    def broken(arrays: Arrays, metadata: Metadata) -> int:
        raise error("not what was saved")

    for _ in range(2):
        assert cached("tests", "key", lambda: 5, lambda _: ({}, {}), broken) == 5


def test_a_pipe_or_folder_in_place_of_an_entry_stops_nothing(directory: Path) -> None:
    store = Store()
    store.get()
    (file,) = directory.rglob("*.npz")
    file.unlink()
    os.mkfifo(file)
    assert store.get()[1] == "value 7" and store.built == 2
    assert store.get()[1] == "value 7" and store.built == 2  # the entry took the pipe's place
    file.unlink()
    file.mkdir()
    assert store.get()[1] == "value 7" and store.built == 3


def test_folders_and_entries_are_the_users_alone(directory: Path) -> None:
    before = os.umask(0)
    try:
        Store().get()
    finally:
        os.umask(before)
    (file,) = directory.rglob("*.npz")
    assert [path.stat().st_mode & 0o777 for path in (directory, file.parent, file)] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize("part", ["", "tests"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_not_used(part: str, mode: int, directory: Path) -> None:
    store = Store()
    store.get()
    (directory / part).chmod(mode)
    with pytest.warns(UserWarning, match=r"is not used: it belongs to another user or others can write in it"):
        assert store.get()[1] == "value 7"
    assert store.built == 2 and len(list(directory.rglob("*.npz"))) == 1
    assert store.get()[1] == "value 7" and store.built == 3  # warned once
    (directory / part).chmod(0o755)  # others may look
    assert store.get()[1] == "value 7" and store.built == 3


def test_a_folder_of_another_user_is_not_used(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.get()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.warns(UserWarning, match="belongs to another user"):
        store.get()
    assert store.built == 2


def test_an_entry_that_others_can_write_or_that_is_a_link_is_not_read(directory: Path) -> None:
    store = Store()
    store.get()
    (file,) = directory.rglob("*.npz")
    file.chmod(0o666)
    store.get()
    assert store.built == 2 and file.stat().st_mode & 0o777 == 0o600
    elsewhere = file.rename(directory / "elsewhere")
    file.symlink_to(elsewhere)
    whole = elsewhere.read_bytes()
    store.get()
    assert store.built == 3 and not file.is_symlink() and elsewhere.read_bytes() == whole


def test_bytes_come_back_whole_or_not_at_all(directory: Path) -> None:
    assert recalled("code", "key") is None
    remember("code", "key", b"abc")
    assert recalled("code", "key") == b"abc" and recalled("code", "other") is None
    (file,) = (path for path in directory.rglob("*") if path.is_file())
    for content in (b"", file.read_bytes()[:-1], b"abd" + file.read_bytes()[3:]):
        file.write_bytes(content)
        assert recalled("code", "key") is None
