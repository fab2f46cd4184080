"""The columns of an exported catalogue whose spectra have lines."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.catalog.read import OF_LINES
from galspec_spark.export.columns import CATALOGUE, Columns, exported

#: The columns of the table ``catalog``, then those of ``lines``.
WITH_LINES = Columns(
    pa.schema(
        [
            *CATALOGUE.schema,
            *map(exported, OF_LINES.schema),
        ],
    ),
)
