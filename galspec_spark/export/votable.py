"""The catalogue as a VOTable, streamed: a frame of XML, and binary records."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from galspec_spark.export.fixed_width import record_dtype, records
from galspec_spark.export.sorted_rows import SortedRows
from galspec_spark.warehouse.votable import votable_of

LINE_BYTES = 57  #: encode as a line of 76 characters in base64


def write_votable(rows: SortedRows, place: Path, provenance: dict[str, str]) -> None:
    """Write the rows as a VOTable of one table in BINARY2, which marks missing cells.

    Raises
    ------
    UserError
        If a text column is not ASCII.
    """
    dtype = record_dtype(rows)
    sizes = {**rows.text_bytes, "features": rows.n_features}
    arraysizes = {name: str(size) for name, size in sizes.items()}
    head, end, tail = votable_of(rows.columns.schema, provenance, arraysizes).rpartition("</TABLE>")
    with place.open("wb") as file:
        file.write(f'{head}<DATA><BINARY2><STREAM encoding="base64">\n'.encode())
        for line in _base64_lines(rows, dtype):
            file.write(line)
        file.write(f"</STREAM></BINARY2></DATA>\n{end}{tail}".encode())


def _base64_lines(rows: SortedRows, dtype: np.dtype[np.void]) -> Iterator[bytes]:
    """Yield the records as lines of base64, each after the bits of its missing cells."""
    mask_bytes = -(-len(rows.columns.schema) // 8)
    masked = np.dtype([("missing", "u1", (mask_bytes,)), ("cells", dtype)])
    rest = b""
    for batch in rows.batches():
        out = np.zeros(batch.num_rows, masked)
        missing = [column.is_null().to_numpy(zero_copy_only=False) for column in batch.columns]
        out["missing"] = np.packbits(np.stack(missing, axis=1), axis=1)
        out["cells"] = records(batch, dtype)
        stream = rest + out.tobytes()
        whole = len(stream) // LINE_BYTES * LINE_BYTES
        yield base64.encodebytes(stream[:whole])
        rest = stream[whole:]
    yield base64.encodebytes(rest)
