"""Inputs that are patterns, as Spark's own sources take them: ``survey/*/spec-{0266,0267}-*.fits``.

``*`` and ``?`` stand for letters of one name, ``[ab]`` and ``[!ab]`` for one letter, ``{a,b}`` for
either. ``*`` and ``?`` find no hidden entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from galspec_spark.warehouse.storage import Location

MAGIC = re.compile(r"[*?\[{]")
BRACES = re.compile(r"\{([^{}]*)\}")


def is_pattern(name: str) -> bool:
    """Tell whether a name has a sign that stands for others."""
    return MAGIC.search(name) is not None


def matches(pattern: Location) -> Iterator[Location]:
    """Find the files and folders that match a pattern, each by its one name.

    Raises
    ------
    UserError
        If the name of a match is not UTF-8.
    OSError
        If a folder cannot be listed.
    """
    for path in _without_braces(pattern.path):
        scheme, _, rest = path.rpartition("://")
        root, *names = rest.split("/")  # the bucket; nothing before a local path
        yield from _below(Location(f"{scheme}://{root}" if scheme else "/"), names)


def _without_braces(pattern: str) -> list[str]:
    """Return the patterns that one with braces stands for, the innermost replaced first."""
    found = BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [
        each
        for choice in found[1].split(",")
        for each in _without_braces(f"{before}{choice}{after}")
    ]


def _below(folder: Location, names: list[str]) -> Iterator[Location]:
    """Find what matches, name by name, below a folder."""
    if not names:
        if folder.exists():
            yield Location.of(folder.path)
        return
    first, *rest = names
    if not is_pattern(first):
        yield from _below(folder / first, rest)
    elif folder.is_folder():
        hidden = first.startswith(".")
        for name in folder.names():
            if fnmatchcase(name, first) and name.startswith(".") == hidden:
                yield from _below(folder / name, rest)
