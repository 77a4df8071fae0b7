"""The house: rooms in order, no circles, nothing long; heavy packages only where they belong; the drawing is true."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lava_nexus"
DRAWING = ROOT / "docs" / "architecture.md"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [
    "formats",
    "neurons",
    "populations",
    "circuits",
    "programs",
    "lowering",
    "chip",
    "execute",
    "torch",
    "models",
    "energy",
    "export",
    "verify",
    "lab",
]
"""Each imports only from those before it, and from the files below all rooms."""
GROUND = {"errors", "files", "disk_cache", "config", "store", "signals", "documents", "progress", "shown"}
GROUND |= {"cluster", "crew", "dask_crew"}
FRONT = {"__init__", "__main__", "cli", "moved"}
"""Files at the top: those below all rooms, and those that may open on every one."""
ONLY_UNDER = {
    "lava": ("execute/lava/", "execute/loihi2/", "lab/training/"),
    "torch": ("torch/", "lab/"),
    "transformers": ("lab/",),
    "sklearn": ("models/", "lab/"),
    "numba": ("execute/", "neurons/compiled.py", "circuits/census.py"),
    "llvmlite": ("execute/", "circuits/compiled/"),
    "matplotlib": ("lab/figures/",),
    "bitwuzla": ("verify/formal/",),
    "mtkahypar": ("chip/",),
}
MOST_FILES, MOST_LINES, MOST_LINES_OF_FILE, MOST_LINES_OF_FUNCTION, MOST_PARAMETERS = 488, 80_000, 300, 60, 8
"""Lines grow with features alone: who needs more says so here, and looks first for what stands twice."""
COMPILED = ("njit", "kept", "intrinsic", "cfunc")
"""Decorators of kernels, whose parameters are arrays that the compiler wants one by one."""


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path) -> frozenset[str]:
    """Absolute names of modules imported anywhere: at the top, deferred, for types alone, or named in a string."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {_module(node.module or "", alias.name) for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= _named_in(node.value)
    return frozenset(found - {"lava_nexus"})


def _named_in(text: str) -> set[str]:
    """The module that a string is the name of, whole or below `lab` or its configs, as `runs.digits:run_digits`."""
    named = text.partition(":")[0] if re.fullmatch(r"[a-z_.0-9]+:\w+", text) else text
    places = ("", "lava_nexus.lab.", "lava_nexus.lab.configs.") if ":" in text else ("",)
    return {f"{place}{named}" for place in places} & NAMES.keys()


def _module(module: str, name: str) -> str:
    return f"{module}.{name}" if f"{module}.{name}" in NAMES else module


def _inner(path: Path) -> Iterator[tuple[str, str]]:
    """(module, its room) of what a module imports from the package."""
    for name in _imports(path):
        if name in NAMES:
            yield name, name.split(".")[1]


ALONE = {"gpu_block.py"}
"""Needs nothing of the package, so that it runs wherever a device is."""


@pytest.mark.parametrize(
    "script", sorted([*ROOT.glob("scripts/*.py"), *ROOT.glob("benchmarks/[a-z]*.py")]), ids=lambda file: file.name
)
def test_what_a_user_starts_tells_mistakes_in_a_sentence(script):
    guarded = ("from lava_nexus.__main__ import main", "run_guarded(")
    assert script.name in ALONE or any(word in script.read_text() for word in guarded)


def test_a_room_imports_only_from_below() -> None:
    wrong = []
    for path in MODULES:
        room = _room(path)
        if room in FRONT:
            continue
        assert room in GROUND or room in ROOMS, f"room '{room}' has no place in the order"
        allowed = GROUND | {room}
        if room in ROOMS:
            allowed |= set(ROOMS[: ROOMS.index(room)])
        for name, other in _inner(path):
            if other not in allowed:
                wrong.append(f"{_name(path)} imports {name}, which is not below {room}")
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {other for other, _ in _inner(path)} - {name} for name, path in NAMES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "circle of imports: " + " > ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        if name != "lava_nexus":
            visit(name, ())


def test_the_drawing_of_the_house_is_what_the_code_imports() -> None:
    """Rows of the table in docs/architecture.md: | `room` | what it is | `room`, `room` |, in order."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", DRAWING.read_text(encoding="utf-8"), re.MULTILINE)
    drawn = {room: set(re.findall(r"`(\w+)`", reads)) for room, reads in rows}
    assert list(drawn) == ROOMS
    for room in ROOMS:
        paths = [path for path in MODULES if _room(path) == room]
        assert drawn[room] == {other for path in paths for _, other in _inner(path) if other in ROOMS} - {room}, room


def test_the_walk_from_yaml_to_spike_names_files_that_are_there() -> None:
    text = DRAWING.read_text(encoding="utf-8").partition("## One value from YAML to spike and back")[2]
    walk = re.findall(r"^\d+\. `([\w/]+\.py)`", text.partition("\n## ")[0], re.MULTILINE)
    assert 1 < len(walk) <= 10
    assert all((ROOT / place).is_file() for place in walk), walk
    for earlier, later in pairwise(walk):
        names = {_name(ROOT / place) for place in (earlier, later) if place.startswith("lava_nexus/")}
        reached = {name for place in walk if place.startswith("lava_nexus/") for name in _imports(ROOT / place)}
        assert names & reached or not names, f"nothing on the walk imports {earlier} or {later}"


def test_heavy_packages_stay_where_they_belong() -> None:
    wrong = []
    for path in MODULES:
        place = path.relative_to(PACKAGE).as_posix()
        for name in _imports(path):
            homes = ONLY_UNDER.get(name.partition(".")[0])
            if homes is not None and not place.startswith(homes):
                wrong.append(f"{place} imports {name}, which belongs under {homes}")
    assert not wrong


def test_the_closed_extension_is_imported_in_one_place() -> None:
    closed = ("lava.utils", "lava.proc.embedded_io", "lava.magma.core.model.nc")
    users = {p.relative_to(PACKAGE).as_posix() for p in MODULES if any(n.startswith(closed) for n in _imports(p))}
    assert users == {"execute/loihi2/extension.py"}


def test_torch_is_imported_by_witness_and_training_only() -> None:
    users = {p.relative_to(PACKAGE).as_posix() for p in MODULES if any(n.split(".")[0] == "torch" for n in _imports(p))}
    homes = ("torch/", "lab/training/", "lab/ulp/", "lab/study/")
    assert all(user.startswith(homes) for user in users), users


def test_the_house_is_small() -> None:
    lines = {_name(p): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert len(ROOMS) <= 14 and {_room(p) for p in MODULES} == {*ROOMS, *GROUND, *FRONT}
    assert len(MODULES) <= MOST_FILES and sum(lines.values()) <= MOST_LINES
    assert not {name: n for name, n in lines.items() if n > MOST_LINES_OF_FILE}


def test_functions_are_short_and_take_few_parameters() -> None:
    wrong = []
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                taken = len([one for one in given if one.arg not in ("self", "cls")])
                if lines >= MOST_LINES_OF_FUNCTION:
                    wrong.append(f"{_name(path)}.{node.name} has {lines + 1} lines")
                if taken > MOST_PARAMETERS and not _is_compiled(node, path):
                    wrong.append(f"{_name(path)}.{node.name} takes {taken} parameters")
    assert not wrong


def _is_compiled(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> bool:
    """Whether numba compiles the function: by a decorator, as an argument, or as what a maker given to it returns."""
    if any(word in ast.unparse(decorator) for decorator in function.decorator_list for word in COMPILED):
        return True
    makers = [
        node.name for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef) and function in node.body
    ]
    called = "|".join([function.name, *makers])
    given = re.compile(rf"(?:\bkept|njit\([^()]*\))\((?:\w+\.)?(?:{called})\b")
    return any(given.search(other.read_text(encoding="utf-8")) for other in MODULES)


@pytest.fixture(scope="module")
def fresh_import() -> tuple[float, set[str]]:
    """Seconds that `import lava_nexus` takes beyond numpy and ml_dtypes, best of three, and the packages it loaded."""
    code = (
        "import sys, time, numpy, ml_dtypes; t = time.process_time(); import lava_nexus; t = time.process_time() - t;"
        "print(t, *{name.partition('.')[0] for name in sys.modules})"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    words = [run.stdout.split() for run in runs]
    return min(float(w[0]) for w in words), set(words[0][1:])


def test_import_is_quick(fresh_import: tuple[float, set[str]]) -> None:
    assert fresh_import[0] < 0.5


def test_import_loads_nothing_heavy(fresh_import: tuple[float, set[str]]) -> None:
    assert not fresh_import[1] & {"lava", "torch", "numba", "llvmlite", "matplotlib", "sklearn", "pydantic", "yaml"}


@pytest.mark.parametrize("package", ["lava_nexus", "lava_nexus.torch"])
def test_every_public_name_is_there_and_listed(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # noqa: B018


def test_the_key_of_look_ups_in_order_covers_every_module_that_makes_them() -> None:
    from lava_nexus.lowering import ordered

    reached, todo = set(), ["lava_nexus.lowering.ordered"]
    while todo:
        name = todo.pop()
        if name.startswith("lava_nexus.lowering.") and name not in reached:
            reached.add(name)
            todo += [other for other, _ in _inner(NAMES[name])]
    assert {NAMES[name].name for name in reached} == set(ordered._SOURCES)


def test_the_front_door_teaches_what_is_true() -> None:
    found = doctest.testmod(importlib.import_module("lava_nexus"))
    assert found.attempted >= 5 and not found.failed
