"""The parts of one release, whatever other releases a warehouse has."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow.compute as pc

from galspec_spark.warehouse.parts import may_hold, open_part, partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Column of ``files`` and ``sample``, and partition of the other tables.
RELEASE = "release"
#: Tables with a folder for each release.
BY_RELEASE = ("spectra", "restframe", "lines", "catalog")


def parts_of_release(parts: Sequence[Location], release: str) -> list[Location]:
    """Return the parts of a table that may have rows of a release, in their order.

    The folders tell; of ``files`` and ``sample``, whose parts are in none, the footers.
    """
    return [part for part in parts if _may_have(part, release)]


def release_names(warehouse: Warehouse) -> list[str]:
    """Return the names of all releases that have files or spectra, sorted."""
    accounts = [open_part(part).read([RELEASE])[RELEASE] for part in warehouse.parts("files")]
    names = {name for account in accounts for name in pc.unique(account).to_pylist()}
    parts = [part for table in BY_RELEASE for part in warehouse.parts(table)]
    return sorted(names | {partition_values(part)[RELEASE] for part in parts})


def _may_have(part: Location, release: str) -> bool:
    folder = partition_values(part).get(RELEASE)
    return may_hold(part, RELEASE, release, release) if folder is None else folder == release
