"""Each floor imports only from below; heavy packages only where they belong."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lava_nexus"
# Lowest first; what a floor may import beside itself and `errors`.
CORE = ["formats", "neurons", "cells", "circuits"]
BELOW: dict[str, set[str]] = {floor: set(CORE[:i]) for i, floor in enumerate(CORE)}
BELOW["nlspike"] = {"formats", "neurons"}
CORE.append("nlspike")
BELOW["disk_cache"] = set()
BELOW["files"] = set()
BELOW["compiled"] = set()
BELOW["circuits"] |= {"compiled"}
BELOW["encodings"] = {"formats"}
BELOW["executors"] = {*CORE, "layers.schedule", "layers.nodes", "layers.order", "layers.program", "layers.segments"}
BELOW["layers"] = {*CORE, "executors.constant", "executors.executor"}
BELOW["models"] = {*CORE, "layers", "executors", "torch", "energy", "reports", "config"}
BELOW["mapping"] = {*CORE, "layers", "executors", "config.base"}
BELOW["hardware"] = {*CORE, "executors", "mapping"}
BELOW["energy"] = {*CORE, "layers", "executors", "mapping"}
BELOW["reports"] = {*CORE, "layers", "executors", "mapping", "energy"}
BELOW["config"] = {*CORE, "layers.order", "energy", "reports"}
BELOW["verification"] = {*CORE, "executors", "reports", "config"}
BELOW["baselines"] = {*BELOW["models"], "models"}
BELOW["tables"] = {*BELOW["models"], "baselines", "torch", "encodings", "models", "mapping"}
BELOW["evaluation"] = {*BELOW["tables"], "tables"}
BELOW["robustness"] = {*BELOW["tables"], "models", "tables"}
BELOW["torch"] = {*CORE, "layers", "executors"}
BELOW["export"] = {*CORE, "executors", "reports", "config"}
BELOW["training"] = {*BELOW["tables"], "tables"}
COMMON = {"errors", "disk_cache", "files"}
ONLY_UNDER = {
    "lava": (
        "executors/lava/",
        "baselines/",
    ),
    "torch": ("torch/", "training/", "models/", "tables/", "baselines/"),
    "sklearn": ("models/",),
    "numba": ("executors/",),
    "llvmlite": ("executors/", "compiled/"),
    "matplotlib": ("reports/",),
    "bitwuzla": ("verification/formal/",),
    "mtkahypar": ("mapping/",),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _imports(path: Path, deep: bool = True) -> set[str]:
    """Absolute names of modules imported; without `deep` only those imported when the module itself is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if deep else _eager(tree.body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {
                f"{module}.{alias.name}" if (PACKAGE.parent / module.replace(".", "/")).is_dir() else module
                for alias in node.names
            }
    return found


def _eager(body: list[ast.stmt]) -> list[ast.stmt]:
    found = []
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            found += _eager(node.body) + _eager(node.orelse)
        elif isinstance(node, ast.Try):
            found += _eager(node.body)
        else:
            found.append(node)
    return found


def _inner(path: Path) -> set[str]:
    """Names below the package that a module imports, without the package's own name."""
    return {name.partition(".")[2] for name in _imports(path) if name.partition(".")[0] == "lava_nexus"} - {""}


def _floor(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_floor_imports_only_from_below(path: Path) -> None:
    floor = _floor(path)
    if floor in ("__init__", "errors", "api"):  # the front door may open on every floor
        return
    assert floor in BELOW, f"floor '{floor}' has no place in the order: add it to BELOW"
    allowed = BELOW[floor] | COMMON | {floor}
    for name in _inner(path):
        parts = name.split(".")
        reached = {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
        assert reached & allowed, f"{_name(path)} imports lava_nexus.{name}, which is not below {floor}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for name in _imports(path):
        homes = ONLY_UNDER.get(name.partition(".")[0])
        assert homes is None or place.startswith(homes), f"{place} imports {name}, which belongs under {homes}"


def test_the_closed_extension_is_imported_in_one_place() -> None:
    closed = ("lava.utils", "lava.proc.embedded_io", "lava.magma.core.model.nc")
    users = {p.relative_to(PACKAGE).as_posix() for p in MODULES if any(n.startswith(closed) for n in _imports(p))}
    assert users == {"executors/lava/extension.py"}


def test_torch_is_imported_by_witness_training_and_loading_only() -> None:
    users = {p.relative_to(PACKAGE).as_posix() for p in MODULES if any(n.split(".")[0] == "torch" for n in _imports(p))}
    assert all(
        user.startswith(("torch/", "baselines/")) or any(w in user for w in ("witness", "train")) for user in users
    ), users


def test_no_module_imports_itself_in_a_circle() -> None:
    names = {_name(path): path for path in MODULES}
    graph = {}
    for name, path in names.items():
        reached = _imports(path, deep=False)
        graph[name] = {r if r in names else r.rpartition(".")[0] for r in reached} & set(names) - {name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "circle of imports: " + " > ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


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
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_files_are_small() -> None:
    long = {_name(p): n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 300}
    assert not long


def test_the_key_of_word_programs_covers_every_module_that_makes_them() -> None:
    from lava_nexus.lowering import lowering

    home = "executors.bitsliced."
    modules = {_name(path).partition(".")[2]: path for path in MODULES if home in _name(path)}
    reached, todo = set(), [f"{home}lowering"]
    while todo:
        name = todo.pop()
        if name in modules and name not in reached:
            reached.add(name)
            todo += [one if one in modules else one.rpartition(".")[0] for one in _inner(modules[name])]
    assert {modules[name].name for name in reached} == set(lowering._SOURCES)
