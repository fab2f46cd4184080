"""Spectra of the test split that the templates of their lines have learned from."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Column of ``lines``.
SEEN = "templates_seen"


def seen_by_templates(
    warehouse: Warehouse, kinds: Sequence[FeatureKind], members: pa.Table
) -> dict[str, int]:
    """Return, by kind of features, how many test spectra are not new to its templates.

    Parameters
    ----------
    members
        The columns ``spectrum_id`` and ``split`` of ``sample``.

    Raises
    ------
    UserError
        If a kind needs the table ``lines``, and there is none.
    """
    if not any(kind.line_columns for kind in kinds):
        return dict.fromkeys((kind.name for kind in kinds), 0)
    tested = members.filter(pc.equal(members["split"], "test"))["spectrum_id"]
    count = pc.sum(pc.is_in(tested, _seen(warehouse.existing_parts("lines")))).as_py() or 0
    return {kind.name: count if kind.line_columns else 0 for kind in kinds}


def _seen(lines: Sequence[Location]) -> pa.Array:
    found = []
    for part in lines:
        seen = open_part(part).read([SEEN])[SEEN]
        if pc.any(seen).as_py():
            found.append(open_part(part).read(["spectrum_id"])["spectrum_id"].filter(seen))
    chunks = [chunk for each in found for chunk in each.chunks]
    return pa.chunked_array(chunks, pa.string()).combine_chunks()
