"""The parts of one release, whatever other releases a warehouse has."""

from __future__ import annotations

from collections.abc import Sequence

from galspec_spark.warehouse.parts import may_hold, partition_values
from galspec_spark.warehouse.storage import Location

#: Column of ``files`` and ``sample``, and partition of the other tables.
RELEASE = "release"


def parts_of_release(parts: Sequence[Location], release: str) -> list[Location]:
    """Return the parts of a table that may have rows of a release, in their order.

    The folders tell; of ``files`` and ``sample``, whose parts are in none, the footers.
    """
    return [part for part in parts if _may_have(part, release)]


def _may_have(part: Location, release: str) -> bool:
    folder = partition_values(part).get(RELEASE)
    return may_hold(part, RELEASE, release, release) if folder is None else folder == release
