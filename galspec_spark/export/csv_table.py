"""The catalogue as CSV: a header line, empty missing cells, a column per coefficient."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from galspec_spark.export.fixed_width import vectors
from galspec_spark.export.sorted_rows import SortedRows


def write_csv(rows: SortedRows, place: Path) -> None:
    """Write the rows; features become columns ``features_1`` and so on."""
    schema = pa.schema(_columns(rows))
    options = csv.WriteOptions(quoting_style="needed")
    with csv.CSVWriter(place, schema, write_options=options) as writer:
        for batch in rows.batches():
            writer.write_batch(_flat(batch, schema, rows.n_features))


def _columns(rows: SortedRows) -> list[pa.Field]:
    numbered = [f"features_{number}" for number in range(1, rows.n_features + 1)]
    fields = []
    for field in rows.columns.schema:
        is_vector = pa.types.is_list(field.type)
        names = numbered if is_vector else [field.name]
        kind = field.type.value_type if is_vector else field.type
        fields += [pa.field(name, kind) for name in names]
    return fields


def _flat(batch: pa.RecordBatch, schema: pa.Schema, n_features: int) -> pa.RecordBatch:
    values = vectors(batch["features"], n_features)
    columns = {
        f"features_{number}": pa.array(column, from_pandas=True)  # NaN is missing
        for number, column in enumerate(values.T, 1)
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] if name in columns else batch[name] for name in schema.names],
        schema=schema,
    )
