"""Bytes of input for a part of ``spectra``, so that all parts have about one size."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_source

#: Files that are measured, spread over the input.
SAMPLE = 12
#: Bytes of Parquet for a byte of flux and ivar; masks compress to nearly nothing.
STORED = 0.8
#: Bytes of flux and ivar for a byte of an SDSS spec-lite file, used where no file can be measured.
SPEC_LITE = 0.175


def pixel_bytes(rows: list[dict[str, object]]) -> int:
    """Return the bytes of flux and ivar in rows that a reader returned."""
    return sum(row["flux"].nbytes + row["ivar"].nbytes for row in rows)  # type: ignore[attr-defined]


def input_bytes_of_a_part(files: pa.Table, part_megabytes: int) -> float:
    """Return how many bytes of these files make a Parquet part of a size.

    A full spec file is ten times as large as a lite one of the same spectrum, a DESI coadd holds
    resolution matrices, and some files are compressed: so a sample of the files is measured.

    Parameters
    ----------
    files
        Columns path and size.
    """
    sample = files.take(
        list(range(0, files.num_rows, max(1, files.num_rows // SAMPLE)))
    ).to_pylist()
    read, size = 0, 0
    for file in sample:
        try:
            read += pixel_bytes(read_spectra(open_source(file["path"], file["size"]))[1])
            size += file["size"]
        except BadFile:  # the task that reads it will say why
            continue
    pixels_per_byte = read / size if read else SPEC_LITE
    return part_megabytes * 1e6 / (pixels_per_byte * STORED)
