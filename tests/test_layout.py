"""What may import what: the kernels stay usable without Spark."""

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


def test_the_check_sees_an_import() -> None:
    assert any(name.startswith("pyspark") for name in reached(PACKAGE / "warehouse" / "frames.py"))
