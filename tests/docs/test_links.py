"""Links of all Markdown files and notebooks lead to files of the repository and their headings."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.submit import ROOT

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)


def pages() -> list[Path]:
    """Return the files of Git, and new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.ipynb"]
    try:
        listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    except (OSError, subprocess.CalledProcessError):  # no clone but a copy
        listed = [str(path) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]]
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def text_of(page: Path) -> str:
    """Return the Markdown of a page without code, in which nothing is a link or a heading."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return CODE.sub(lambda code: re.sub(r"[\[\]()`]|.*\n.*", "", code[0], flags=re.S), text)


def anchors(page: Path) -> set[str]:
    """Return the names that headings have for links, as hosts of repositories make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for target, anchor in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        place = page.parent / target if target else page
        of_site = target.endswith("reference/commands.md") or target.endswith("reference/python.md")
        if of_site and page.is_relative_to(ROOT / "docs"):  # made with the site
            continue
        if not place.exists() or (
            anchor and place.suffix == ".md" and anchor not in anchors(place)
        ):
            found.append(f"{target}#{anchor}")
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title: of it\n[a](page.md#a-title-of-it) [b](other.md) [c](#title) `[d](e)`"
    )
    assert broken(page) == ["other.md#", "#title"]
