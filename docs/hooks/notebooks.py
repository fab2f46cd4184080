"""A notebook as a page: its text, and its code with a link to the file."""

from __future__ import annotations

import json
from pathlib import Path


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown; its outputs are left out."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    # After the title, which the first cell begins with.
    title, _, text = "".join(cells[0]["source"]).partition("\n")
    # HTML, because a Markdown link to a notebook leads to its page.
    download = f'<a href="{path.name}" download>Download this notebook</a>'
    return "\n\n".join([title, download, text.strip(), *map(_cell, cells[1:])]) + "\n"


def _cell(cell: dict[str, object]) -> str:
    source = "".join(cell["source"])  # type: ignore[arg-type]
    return source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
