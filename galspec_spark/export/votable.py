"""The catalogue as a VOTable, streamed: astropy writes the frame of XML, we the binary records."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from astropy.io.votable import tree
from astropy.units import UnitsWarning

from galspec_spark.export.columns import Column, Columns
from galspec_spark.export.fixed_width import record_dtype, records
from galspec_spark.export.sorted_rows import SortedRows
from galspec_spark.warehouse.flags import FLAGS

DATATYPES = {
    pa.int16(): "short",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "char",
}
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
    head, end, tail = votable_frame(rows.columns, provenance, arraysizes).rpartition("</TABLE>")
    with place.open("wb") as file:
        file.write(f'{head}<DATA><BINARY2><STREAM encoding="base64">\n'.encode())
        for line in _base64_lines(rows, dtype):
            file.write(line)
        file.write(f"</STREAM></BINARY2></DATA>\n{end}{tail}".encode())


def votable_frame(
    columns: Columns,
    provenance: dict[str, str],
    arraysizes: dict[str, str],
    names: dict[str, str] | None = None,
) -> str:
    """Return a VOTable without rows: columns, the flags' meanings, provenance.

    Parameters
    ----------
    arraysizes
        Sizes of text and vector columns, by name; ``*``, any size, by default.
    names
        New names of columns, by their names in `columns`.
    """
    votable = tree.VOTableFile(version="1.4")
    resource = tree.Resource(type="results")
    votable.resources.append(resource)
    resource.coordinate_systems.append(tree.CooSys(ID="icrs", system="ICRS"))
    notes = {f"FLAG{bit}": f"{name}: {meaning}" for name, (bit, meaning) in FLAGS.items()}
    for key, value in {**notes, **provenance}.items():
        # its own ID: astropy would take the name, which a column may have
        resource.infos.append(tree.Info(ID=f"info_{key}", name=key, value=value))
    table = tree.TableElement(votable, name="catalog")
    resource.tables.append(table)
    text = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnitsWarning)  # VOUnits advises against erg and Angstrom
        for field in columns.schema:
            shown = field.with_name((names or {}).get(field.name, field.name))
            column, arraysize = columns.described[field.name], arraysizes.get(field.name, "*")
            table.fields.append(_field(votable, shown, column, arraysize))
        votable.to_xml(text)
    return text.getvalue().decode()


def _field(
    votable: tree.VOTableFile, field: pa.Field, column: Column, arraysize: str
) -> tree.Field:
    is_vector = pa.types.is_list(field.type)
    element = tree.Field(
        votable,
        name=field.name,
        datatype=DATATYPES[field.type.value_type if is_vector else field.type],
        arraysize=arraysize if is_vector or pa.types.is_string(field.type) else None,
        unit=column.unit,
        ucd=column.ucd,
        ref="icrs" if field.name in ("ra", "dec") else None,
    )
    element.description = column.description
    return element


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
