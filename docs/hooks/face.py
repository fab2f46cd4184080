"""The reference of ``import galspec_spark``: its names; mkdocstrings reads the docstrings."""

from __future__ import annotations

import galspec_spark

HEAD = """# Python

`import galspec_spark as gs` offers these names. [From Python](../python.md) shows them at work.
"""


def python_reference() -> str:
    """Return the page: a directive of mkdocstrings for each name, where it is defined."""
    homes = galspec_spark._HOMES
    directives = [f"::: galspec_spark.{homes[name]}.{name}\n" for name in galspec_spark.__all__]
    return "\n".join([HEAD, *directives])
