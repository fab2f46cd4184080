"""The table ``sample``: decisions about spectra, those of a part of ``restframe`` together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import Floats, present_rows_of
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.warehouse.parts import (
    Part,
    open_part,
    part_exists,
    part_writer,
    partition_values,
)
from galspec_spark.warehouse.sample_rows import (
    SampleRows,
    read_sample_rows,
    sample_rows,
    starts_of,
)
from galspec_spark.warehouse.schemas import SAMPLE
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

#: The reason of a spectrum that preprocess.sample left out: it says nothing about the data.
NOT_DRAWN = "not_drawn"
#: Spectra read at once: 500 rows of 2642 pixels make 5 MB of an array.
BATCH_ROWS = 500
#: Rows of a row group, or more: a part of ``restframe`` is in one of them, and small ones share it.
#: A row group costs as much as some 600 rows to write, and makes every opening of the table dearer.
GROUP_ROWS = 5000


@dataclass(frozen=True)
class Slice:
    """Some row groups of a part of ``restframe``, and the place of its rows in ``sample``."""

    part: Location
    lines: Location  #: the part of ``lines`` with the same rows, which need not exist
    sample: Location
    sample_rows: SampleRows
    number: int = 0  #: of this slice among the slices of the part
    count: int = 1  #: number of slices of the part


def write_sample(place: Location, rows: pa.Table) -> None:
    """Write the table.

    Parameters
    ----------
    rows
        Rows of the schema `SAMPLE`, those of a part together and in the part's order.
    """
    start = 0
    with part_writer(place, SAMPLE) as writer:
        for end in [*starts_of(rows["part"])[1:], len(rows)]:
            if end - start >= GROUP_ROWS or end == len(rows):
                writer.write_table(rows.slice(start, end - start), row_group_size=end - start)
                start = end


def sample_place(warehouse: Warehouse) -> Location:
    """Return the place of the table.

    Raises
    ------
    UserError
        If the table does not exist; the message names the job that makes it.
    """
    (place,) = warehouse.existing_parts("sample")
    return place


def read_sample(warehouse: Warehouse, columns: Sequence[str]) -> pa.Table:
    """Read columns of all rows: for 10 million spectra, each text takes some 25 bytes."""
    return open_part(sample_place(warehouse)).read(list(columns))


def locate(warehouse: Warehouse, names: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the part of ``restframe``, relative to the warehouse, and the row of spectra.

    Parameters
    ----------
    names
        Values of ``spectrum_id``. Of a spectrum read from two files, the used copy is located.
    """
    sample = open_part(sample_place(warehouse))
    found = {}
    for number in range(sample.num_row_groups):
        rows = sample.read_row_group(number, ["spectrum_id", "reason", "part"])
        is_copy = pc.fill_null(pc.equal(rows["reason"], "duplicate"), False)
        is_wanted = pc.is_in(rows["spectrum_id"], pa.array(names, pa.string()))
        starts = starts_of(rows["part"])
        for row in np.flatnonzero(pc.and_not(is_wanted, is_copy).to_numpy()).tolist():
            first = starts[bisect_right(starts, row) - 1]
            found[rows["spectrum_id"][row].as_py()] = (rows["part"][row].as_py(), row - first)
    return found


def read_flux(part: Location, row: int, spectrum_id: str) -> npt.NDArray[np.float32]:
    """Read one row of ``restframe``, NaN in gaps, and no more of its part than the row group.

    Raises
    ------
    UserError
        If the row is not that spectrum's.
    """
    found = open_part(part).read_rows([row], ["spectrum_id", "flux", "ivar"])
    if found["spectrum_id"][0].as_py() != spectrum_id:
        raise UserError(f"{part} is not what the table sample is of: run galspec preprocess")
    if not found["flux"][0].is_valid:
        return np.full(PIXELS, np.nan, np.float32)
    flux, ivar = (np.array(found[name][0].values) for name in ("flux", "ivar"))
    return np.where(ivar > 0, flux, np.float32(np.nan))


def slices(warehouse: Warehouse, tasks: int = 1, release: str | None = None) -> list[Slice]:
    """Return the parts of ``restframe``, cut so that `tasks` tasks read about equal amounts.

    Parameters
    ----------
    release
        Only parts of this release; None for all.
    """
    place = sample_place(warehouse)
    found = sample_rows(open_part(place))
    chosen = [
        (warehouse.root / part, rows)
        for part, rows in found.items()
        if release in (None, partition_values(warehouse.root / part)["release"])
    ]
    count = -(-tasks // max(len(chosen), 1))
    return [
        Slice(part, _lines_of(warehouse, part), place, rows, number, count)
        for part, rows in chosen
        for number in range(count)
    ]


def _lines_of(warehouse: Warehouse, part: Location) -> Location:
    return warehouse.root / place_beside(warehouse.place_of(part), "lines")


@dataclass(frozen=True)
class Spectra:
    """Some rows of ``restframe``, or of ``lines``, with the decisions about them."""

    rows: pa.Table  #: columns of ``sample``
    has_pixels: npt.NDArray[np.bool_]  #: (rows,)
    flux: Floats  #: float32, (n, pixels) for the n rows that have pixels; 0 in gaps
    ivar: Floats  #: likewise
    lines: pa.Table  #: (rows,) columns of ``lines``, none where pixels are read

    def filled(self, fill_spectrum: Floats) -> Floats:
        """Return the flux with a spectrum (pixels,) in its gaps."""
        return np.where(self.ivar > 0, self.flux, fill_spectrum)


def read_slice(
    slice_: Slice,
    columns: Sequence[str],
    line_columns: Sequence[str] = (),
    *,
    labelled: bool = False,
) -> Iterator[Spectra]:
    """Read spectra, some at a time. Runs in a task.

    Parameters
    ----------
    columns
        Columns of ``sample``.
    line_columns
        Columns of ``lines``, which are then read in place of the pixels.
    labelled
        Give only the spectra of the splits; all of them have pixels. Row groups without such
        spectra are not read.

    Raises
    ------
    UserError
        If a part cannot be read, the tables differ in the rows of a part, or lines were not
        measured.
    """
    place = slice_.lines if line_columns else slice_.part
    made_by = "galspec measure" if line_columns else "galspec preprocess"
    if not part_exists(place):
        raise UserError(f"{place} does not exist: run {made_by}")
    file = open_part(place)
    names = list(dict.fromkeys([*columns, "split"]))
    decided = read_sample_rows(open_part(slice_.sample), slice_.sample_rows, names)
    if len(decided) != file.metadata.num_rows:
        raise UserError(
            f"{place} has {file.metadata.num_rows} rows and the table sample {len(decided)} "
            f"of it: run {made_by}"
        )
    first = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        rows = decided.slice(first, size)
        first += size
        is_ours = group % slice_.count == slice_.number
        if is_ours and not (labelled and rows["split"].null_count == size):
            yield from _read_row_group(file, group, rows, line_columns, labelled)


def _read_row_group(
    file: Part, group: int, rows: pa.Table, line_columns: Sequence[str], labelled: bool
) -> Iterator[Spectra]:
    first = 0
    names = list(line_columns) or ["flux", "ivar"]
    # Other tasks keep the other cores busy.
    for batch in file.iter_batches(BATCH_ROWS, [group], names, use_threads=False):
        decided = rows.slice(first, batch.num_rows)
        first += batch.num_rows
        if labelled:
            wanted = pc.is_valid(decided["split"]).combine_chunks()
            decided, batch = decided.filter(wanted), batch.filter(wanted)
        if len(decided):
            yield spectra_of(decided, batch, line_columns)


def spectra_of(decided: pa.Table, batch: pa.RecordBatch, line_columns: Sequence[str]) -> Spectra:
    """Return rows of ``restframe``, or of ``lines`` where it has columns, with the decisions."""
    return _with_lines(decided, batch) if line_columns else _with_pixels(decided, batch)


def _with_pixels(decided: pa.Table, batch: pa.RecordBatch) -> Spectra:
    has_pixels = batch["flux"].is_valid().to_numpy(zero_copy_only=False)
    flux, ivar = map(present_rows_of, (batch["flux"], batch["ivar"]))
    return Spectra(decided, has_pixels, flux, ivar, pa.table({}))


def _with_lines(decided: pa.Table, batch: pa.RecordBatch) -> Spectra:
    none = np.empty((0, PIXELS), np.float32)
    lines = pa.Table.from_batches([batch])
    return Spectra(decided, np.zeros(len(decided), bool), none, none, lines)
