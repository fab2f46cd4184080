"""Runs a notebook of docs/notebooks as a reader does, in a folder that has what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.submit import ROOT


def run_notebook(name: str, folder: Path, **replaced: str) -> list[nbformat.NotebookNode]:
    """Execute a notebook in a kernel of its own; return its outputs.

    Parameters
    ----------
    replaced
        New values of the notebook's constants, which are texts.
    """
    notebook = nbformat.read(ROOT / "docs/notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        for constant, value in replaced.items():
            lines = cell.source.splitlines()
            given = [
                f'{constant} = "{value}"' if line.startswith(f"{constant} = ") else line
                for line in lines
            ]
            cell.source = "\n".join(given)
    resources = {"metadata": {"path": str(folder)}}
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    NotebookClient(notebook, timeout=120, resources=resources).execute(env=environment)
    return [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]


def text_of(outputs: list[nbformat.NotebookNode]) -> str:
    """Return what the cells print and show as text."""
    shown = [
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    ]
    return "\n".join(shown)


def pictures(outputs: list[nbformat.NotebookNode]) -> int:
    """Return the number of figures."""
    return sum("image/png" in output.get("data", {}) for output in outputs)
