"""What may import what: rooms along the way of the data, and kernels without Spark."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "galspec_spark"


def imported(module: Path) -> set[str]:
    """Return the names of the modules that a source file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def reached(module: Path) -> set[str]:
    """Return all that a module imports, directly or through modules of this package."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imported(waiting.pop()) - found:
            found.add(name)
            path = PACKAGE.parent / (name.replace(".", "/") + ".py")
            if name.startswith("galspec_spark") and path.exists():
                waiting.append(path)
    return found


KERNELS = sorted([*PACKAGE.glob("readers/*.py"), *PACKAGE.glob("spectrum/*.py")])


@pytest.mark.parametrize("module", KERNELS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kernels_never_import_pyspark(module: Path) -> None:
    assert not {name for name in reached(module) if name.split(".")[0] in ("pyspark", "py4j")}


#: The rooms of the package: each may import those before it, and none after.
ROOMS = (
    "errors", "labels", "spectrum", "warehouse", "readers", "config", "harness", "ingest",
    "preprocess", "ml", "catalog", "report", "train", "verify", "export", "download", "simulate",
    "datasource", "release",
)  # fmt: skip
ML = ("features", "classifiers", "search", "evaluation", "model")


def points_back(package: Path, name: str, order: tuple[str, ...]) -> list[str]:
    """Return the imports of rooms of a package that come later in the order."""
    found = []
    for module in sorted(package.rglob("*.py")):
        room = module.relative_to(package).parts[0].removesuffix(".py")
        for target in imported(module):
            if room == "__init__" or not target.startswith(f"{name}."):
                continue
            other = target.removeprefix(f"{name}.").split(".")[0]
            if other in order and order.index(other) > order.index(room):
                found.append(f"{module.relative_to(package)} imports {target}")
    return found


def test_rooms_follow_the_data() -> None:
    entries = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    assert entries - {"__pycache__", "__init__", "py.typed"} == set(ROOMS)
    assert points_back(PACKAGE, "galspec_spark", ROOMS) == []
    assert points_back(PACKAGE / "ml", "galspec_spark.ml", ML) == []


def test_the_product_needs_neither_tests_nor_studies() -> None:
    for module in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "jobs").glob("*.py")]:
        roots = {name.split(".")[0] for name in imported(module)}
        assert not roots & {"tests", "benchmarks", "studies"}, module


def test_the_check_sees_what_points_back(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "module.py").write_text("from package.second import thing")
    assert points_back(tmp_path, "package", ("first", "second")) == [
        "first/module.py imports package.second",
        "first/module.py imports package.second.thing",
    ]


def test_the_check_sees_an_import() -> None:
    assert any(name.startswith("pyspark") for name in reached(PACKAGE / "warehouse" / "frames.py"))
