"""Random inputs, damaged files and corner vectors: the same for a seed, for a time that is given.

FUZZ_SEED chooses (0), FUZZ_SECONDS is shared by all of them (7; a minute by `make fuzz`). What ends well or in one
NexusError holds; anything else is a finding, and its message has the seed and the number of the attempt.
"""

from __future__ import annotations

import json
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.config import Config, build_config, load_config
from lava_nexus.disk_cache import cached
from lava_nexus.documents import parse_json, parse_yaml
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, INTEGER_FORMATS, FloatFormat, IntegerFormat
from lava_nexus.models.config_json import read_spec
from lava_nexus.neurons.serialisation import from_arrays, to_arrays
from lava_nexus.store import Store
from tests.test_documents import LLAMA

pytestmark = pytest.mark.fuzz
SEED, SECONDS = int(os.environ.get("FUZZ_SEED", "0")), float(os.environ.get("FUZZ_SECONDS", "7"))
PARTS = 7


def attempts(name: str) -> Iterator[random.Random]:
    """A generator of random numbers for each attempt, until this part's share of the time is over."""
    end, number = time.monotonic() + SECONDS / PARTS, 0
    while number == 0 or time.monotonic() < end:
        yield random.Random(f"{SEED} {name} {number}")
        number += 1


def one_sentence(action: Callable[[], Any], shown: object) -> None:
    try:
        action()
    except NexusError as error:
        assert len(str(error)) <= 600 and "\n" not in str(error), shown
    except Exception as error:
        raise AssertionError(f"seed {SEED}: {shown!r:.500} raised {type(error).__name__}: {error}") from error


class Inner(Config):
    x: int = 0
    names: tuple[str, ...] = ()


class Sample(Config):
    seed: int = 0
    rate: float = 1.0
    flag: bool = False
    inner: Inner = Inner()


WORDS = ["seed", "rate", "flag", "inner", "inner.x", "inner.names", "x", "a", "<<", "&a", "*a", "!!bool", "!!int", "? "]
EDGES = ["9" * 30, "\0", "é", "|", "%", "#"]
MARKS = [
    ": ",
    "\n",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    '"',
    "1e9",
    "1e-5",
    "no",
    "nan",
    "9" * 30,
    "\0",
    "é",
    "|",
    "%",
    "#",
]


def text(chance: random.Random) -> str:
    return "".join(chance.choice([*WORDS, *MARKS, *EDGES]) for _ in range(chance.randrange(1, 40)))


def value(chance: random.Random, levels: int = 3) -> Any:
    plain = [None, True, -1, 0, 10**30, 10**9, 2**63, 0.5, float("nan"), 1e308, "", "llama", "x" * 900, -0.0]
    kind = chance.randrange(4 if levels else 2)
    if kind == 2:
        return [value(chance, levels - 1) for _ in range(chance.randrange(4))]
    if kind == 3:
        return {chance.choice(WORDS): value(chance, levels - 1) for _ in range(chance.randrange(4))}
    return chance.choice(plain)


def test_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for chance in attempts("texts"):
        content, override = text(chance), text(chance)
        path.write_text(content, encoding="utf-8")
        one_sentence(lambda: load_config(Sample, path, [override]), (content, override))  # noqa: B023
        one_sentence(lambda: parse_json(content, "it"), content)  # noqa: B023
        one_sentence(lambda: parse_yaml(content, "it"), content)  # noqa: B023


def test_values() -> None:
    for chance in attempts("values"):
        given = {key: value(chance) for key in chance.sample(["seed", "rate", "flag", "inner", "other"], 2)}
        one_sentence(lambda: build_config(Sample, given, "it"), given)  # noqa: B023
        keys = [*LLAMA, "rope_scaling", "architectures", "layer_types", "sliding_window", "num_labels", "hidden_act"]
        config = LLAMA | {chance.choice(keys): value(chance)}
        one_sentence(lambda: read_spec(config, "it"), config)  # noqa: B023


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to three changes: a bit flipped, cut, a part overwritten or doubled."""
    for _ in range(chance.randrange(1, 4)):
        at, kind = chance.randrange(len(data) + 1), chance.randrange(4)
        if kind == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at]
        elif kind == 2:
            data = data[:at] + chance.randbytes(8) + data[at + 8 :]
        else:
            data = data[:at] + data[max(0, at - 16) :]
    return data


def test_damaged_entries_are_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path / "cache"))
    network = nexus.circuit("add", "float8_e4m3fn").network
    entry = lambda: cached("tests", "key", lambda: network, to_arrays, from_arrays)  # noqa: E731
    assert entry().digest == network.digest
    (file,) = (tmp_path / "cache" / "tests").iterdir()
    whole = file.read_bytes()
    for chance in attempts("entries"):
        file.write_bytes(damaged(whole, chance))
        assert entry().digest == network.digest
        assert file.read_bytes() == whole


def test_damaged_pieces_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, "step", {"config": 1})
    store.put(0, {"a": 1}, {"x": np.arange(50)})
    whole = store.path(0).read_bytes()
    for chance in attempts("pieces"):
        data = damaged(whole, chance)
        store.path(0).write_bytes(data)
        if data == whole:
            continue
        with pytest.raises(NexusError, match="cannot be read"):
            store.get(0)


def test_networks_that_break_an_invariant_are_not_read() -> None:
    """Arrays that were changed behind a seal that holds: read where it is still a network, else ValueError and kin."""
    arrays, metadata = to_arrays(nexus.circuit("mul", "float8_e4m3fn").network)
    for chance in attempts("networks"):
        name = chance.choice(sorted(arrays))
        changed = arrays[name].copy()
        changed.flat[chance.randrange(changed.size)] = chance.choice([-1, 0, 1, 2, 2**31 - 1, -(2**31)])
        try:
            network = from_arrays(arrays | {name: changed}, json.loads(json.dumps(metadata)))
        except (ValueError, LookupError, TypeError):
            continue
        assert (network.thresholds >= 1).all() and (network.delays >= 0).all()


def test_operands() -> None:
    circuits = [nexus.circuit(name, fmt) for name in ("add", "neg") for fmt in ("float8_e4m3fn", "float32")]
    things = [1, 0.5, -1, 2**64, True, None, "x", 1j, np.nan, [1.0], [[1], [1, 2]], {}, np.ma.masked, np.float32(0.1)]
    for chance in attempts("operands"):
        circuit = chance.choice(circuits)
        given = [
            chance.choice([chance.choice(things), [chance.choice(things) for _ in range(chance.randrange(3))]])
            for _ in range(chance.choice([len(circuit.inputs)] * 4 + [0, 3]))
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one_sentence(lambda: nexus.run(circuit, *given, executor="reference"), given)  # noqa: B023


def corners(fmt: FloatFormat | IntegerFormat, chance: random.Random) -> np.ndarray:
    """Patterns as TestFloat chooses them: exponents and fractions at their ends, or of few bits, or any."""
    ends = [0, 1, 2, (1 << fmt.bits) - 1, (1 << fmt.bits) - 2, 1 << (fmt.bits - 1), (1 << (fmt.bits - 1)) - 1]
    few = [(1 << chance.randrange(fmt.bits)) ^ (1 << chance.randrange(fmt.bits)) for _ in range(24)]
    near = [(1 << chance.randrange(fmt.bits)) - chance.choice([0, 1]) for _ in range(24)]
    drawn = [chance.getrandbits(fmt.bits) for _ in range(24)]
    return np.array([*ends, *few, *near, *drawn], np.uint64).astype(fmt.pattern_dtype)


@pytest.mark.wide
def test_conversions_at_their_corners() -> None:
    """Neurons against golden functions, and those against exact integers of Python where the target is one."""
    formats = {**FORMATS, **INTEGER_FORMATS}
    for chance in attempts("conversions"):
        source, target = chance.choice(list(formats)), chance.choice(list(formats))
        try:
            circuit = nexus.circuit("convert", source, to=target)
        except NexusError:
            continue
        patterns = corners(formats[source], chance)
        engines = [nexus.executor(name) for name in ("reference", "bitsliced")]
        golden, neurons = (engine.invoke(circuit, [patterns]) for engine in engines)
        assert np.array_equal(golden, neurons), (source, target, patterns[golden != neurons])
        if isinstance(formats[source], IntegerFormat) and isinstance(formats[target], FloatFormat):
            integers = formats[source].from_patterns(patterns).tolist()
            found = formats[target].from_patterns(golden).astype(np.float64).tolist()
            most = float(formats[target].from_patterns(np.array([formats[target].max_finite], golden.dtype))[0])
            if target == "float64":
                assert found == [float(x) for x in integers]  # Python rounds an integer correctly
            else:
                assert all(x == y for x, y in zip(integers, found, strict=True) if abs(x) <= min(most, 8))
