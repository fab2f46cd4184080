"""Pages of the site that are made of the repository's own files, and links between all pages.

MkDocs calls `on_files` and `on_page_markdown`. A page is written once: README, ARCHITECTURE and the
others stay where a reader of the repository looks for them, with links that hold there.
"""

from __future__ import annotations

import re
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.hooks.commands import command_reference
from docs.hooks.configuration import configuration_reference
from docs.hooks.face import python_reference
from docs.hooks.notebooks import notebook_page

ROOT = Path(__file__).parents[2]
#: Files of the repository that are pages of the site, and the files that tell of them there.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "deploy/README.md": "deploy.md",
    "conf/default.yaml": "reference/configuration.md",
    **{
        f"conf/{path.name}": f"reference/configuration.md#{path.stem}"
        for path in sorted(ROOT.glob("conf/*.yaml"))
        if path.stem != "default"
    },
    **{
        f"docs/notebooks/{path.name}": f"notebooks/{path.stem}.md"
        for path in sorted(ROOT.glob("docs/notebooks/*.ipynb"))
    },
}
#: Where a page has a section of the README, or what stands above the first one.
INCLUDED = re.compile(r"^<!-- README: (.+) -->$", re.M)
OPENING = "opening"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
FENCED = re.compile(r"(^```.*?^```$)", re.M | re.S)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, in the place of what they are made of."""
    made = {
        "reference/commands.md": command_reference(),
        "reference/configuration.md": configuration_reference(ROOT / "conf"),
        "reference/python.md": python_reference(),
    }
    for source, place in PAGES.items():
        if source.endswith(".ipynb"):
            made[place] = notebook_page(ROOT / source)
        elif source.endswith(".md") and source != "README.md":
            made[place] = (ROOT / source).read_text(encoding="utf-8")
    for place, content in made.items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between files of the repository into links between pages; add what is included."""
    place = page.file.src_uri
    whole = linked(markdown, source_of(place), place)
    return INCLUDED.sub(lambda name: linked(section(name[1]), "README.md", place), whole)


def section(name: str) -> str:
    """Return a section of the README without its heading.

    Raises
    ------
    KeyError
        If the README has none of this name.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    opening, *sections = re.split(r"^## ", text, flags=re.M)
    return {OPENING: opening, **dict(each.split("\n", 1) for each in sections)}[name].strip()


def source_of(place: str) -> str:
    """Return the file of the repository that a page is made of."""
    made = {page: source for source, page in PAGES.items() if source != "README.md"}
    return made.get(place, f"docs/{place}")


def linked(text: str, source: str, place: str) -> str:
    """Return Markdown of one file of the repository for a place in the site.

    Parameters
    ----------
    source
        Path of the file in the repository, which its links begin from.
    place
        Path of the page in the site. A link to what has no page becomes its text: to another file,
        or from a section of the README to another.
    """

    def of_site(link: re.Match[str]) -> str:
        image, name, target, anchor = link[1], link[2], link[3], link[4] or ""
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        if not target:
            return name if source == "README.md" else link[0]
        path = normpath(PurePosixPath(source).parent / target)
        if path not in PAGES and not path.startswith("docs/"):
            return name
        page = PAGES.get(path, path.removeprefix("docs/"))
        return f"{image}[{name}]({relpath(page, PurePosixPath(place).parent)}{anchor})"

    parts = FENCED.split(text)
    return "".join(part if FENCED.match(part) else LINK.sub(of_site, part) for part in parts)
