"""Puts compiled modules beside the sources in Spark's Python archives.

Every worker that Spark starts imports pyspark from them. Without compiled modules, each compiles
the sources anew, which takes longer than all else that it does before its first task.
"""

from __future__ import annotations

import compileall
import os
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

import pyspark


def add_compiled(archive: Path) -> None:
    """Write the archive anew, with a compiled module for each module."""
    part = archive.with_name(f"{archive.name}.part")
    with TemporaryDirectory() as folder:
        with ZipFile(archive) as original:
            original.extractall(folder)
        compileall.compile_dir(
            folder,
            quiet=2,
            legacy=True,  # a.pyc beside a.py: where an import from an archive looks
            stripdir=folder,
            prependdir=str(archive),
            # Unpacked sources have the time of unpacking, which would make the modules outdated.
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        with ZipFile(part, "w", ZIP_DEFLATED) as complete:
            for file in sorted(Path(folder).rglob("*")):
                complete.write(file, file.relative_to(folder))
    os.replace(part, archive)


for path in Path(pyspark.__file__).with_name("python").glob("lib/*.zip"):
    add_compiled(path)
