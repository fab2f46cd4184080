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


WITHOUT_SPARK = ("spectrum", "lines", "readers")
KERNELS = sorted(path for room in WITHOUT_SPARK for path in PACKAGE.glob(f"{room}/*.py"))


@pytest.mark.parametrize("module", KERNELS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kernels_never_import_pyspark(module: Path) -> None:
    assert not {name for name in reached(module) if name.split(".")[0] in ("pyspark", "py4j")}


#: The rooms of the package: each may import those before it, and none after.
ROOMS = (
    "errors", "labels", "worker", "spectrum", "lines", "warehouse", "readers", "ml.classifiers",
    "ml.features", "config", "harness", "ingest", "preprocess", "measure", "ml.labelled", "ml.pca",
    "ml.networks", "ml.evaluation", "ml.search", "ml.model", "catalog", "queue", "report",
    "viewer", "changes", "diff", "train", "verify", "upkeep", "export", "download", "simulate",
    "datasource", "release", "udfs", "api", "jobs", "command",
)  # fmt: skip


def room_of(name: str) -> str:
    """Return the room of a module, given its name within the package."""
    return next((room for room in ROOMS if f"{name}.".startswith(f"{room}.")), "")


def points_back(package: Path) -> list[str]:
    """Return the imports of rooms that come later."""
    found = []
    for module in sorted(package.rglob("*.py")):
        here = module.relative_to(package).with_suffix("").as_posix().replace("/", ".")
        for target in imported(module):
            there = room_of(target.removeprefix(f"{package.name}."))
            if there and room_of(here) and ROOMS.index(there) > ROOMS.index(room_of(here)):
                found.append(f"{here} imports {target}")
    return found


def test_rooms_follow_the_data() -> None:
    entries = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    entries -= {"__pycache__", "__init__", "py.typed", "conf"}
    assert entries == {room.split(".")[0] for room in ROOMS}
    assert points_back(PACKAGE) == []


def test_the_product_needs_neither_tests_nor_studies() -> None:
    for module in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "jobs").glob("*.py")]:
        roots = {name.split(".")[0] for name in imported(module)}
        assert not roots & {"tests", "benchmarks", "studies"}, module


def test_the_check_sees_what_points_back(tmp_path: Path) -> None:
    module = tmp_path / "galspec_spark" / "ingest" / "stage.py"
    module.parent.mkdir(parents=True)
    module.write_text("from galspec_spark.train import train")
    assert "ingest.stage imports galspec_spark.train" in points_back(tmp_path / "galspec_spark")


def test_the_check_sees_an_import() -> None:
    assert any(name.startswith("pyspark") for name in reached(PACKAGE / "warehouse" / "frames.py"))
