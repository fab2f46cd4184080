"""The columns of an exported catalogue whose spectra have lines."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.catalog.read import OF_LINES
from galspec_spark.export.columns import CATALOGUE, Columns

#: Types that not every format has; a flag is a short integer, and so is a truth value, 1 or 0:
#: readers of FITS take a missing truth value for a false one.
STORED_AS = {pa.bool_(): pa.int16(), pa.int8(): pa.int16()}

#: The columns of the table ``catalog``, then those of ``lines``.
WITH_LINES = Columns(
    pa.schema(
        [
            *CATALOGUE.schema,
            *(f.with_type(STORED_AS.get(f.type, f.type)) for f in OF_LINES.schema),
        ],
    ),
)
