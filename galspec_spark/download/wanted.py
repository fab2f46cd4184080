"""The plates and spectra that a download is asked for."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from galspec_spark.download.names import RUN2D, is_sdss_v, spec_name
from galspec_spark.errors import ConfigError

#: Names that a column of a list may have, the first found counts. SDSS-V's lists have CATALOGID.
COLUMNS = {
    "plate": ("plate", "field", "fieldid"),
    "mjd": ("mjd",),
    "fiber": ("catalogid", "fiber", "fiberid"),
    "run2d": ("run2d",),
}


@dataclass(frozen=True)
class Plate:
    """A plate, or an SDSS-V field, and which of its spectra are wanted."""

    run2d: str  #: version of the reduction
    plate: int
    mjd: int | None = None  #: None: all nights
    names: tuple[str, ...] | None = None  #: of spec files; None: all that the archive lists


def parse_plates(words: Sequence[str], run2d: str) -> list[Plate]:
    """Read plates such as ``266``, and plates of one night such as ``266-51630``; or fields.

    Raises
    ------
    ConfigError
        If a word is neither.
    """
    plates = set()
    for word in words:
        match = re.fullmatch(r"0*(\d{1,6})(?:-(\d{5}))?", word, re.ASCII)
        if not match:
            raise ConfigError(f"--plates {word}: expected a plate (266) or a plate-mjd (266-51630)")
        plates.add(Plate(check_run2d(run2d), int(match[1]), int(match[2]) if match[2] else None))
    whole = {plate.plate for plate in plates if plate.mjd is None}
    wanted = [p for p in plates if p.mjd is None or p.plate not in whole]
    return sorted(wanted, key=lambda p: (p.plate, p.mjd or 0))


def check_run2d(run2d: str) -> str:
    """Return a version of a reduction; raise ConfigError for anything else."""
    if not RUN2D.fullmatch(run2d):
        raise ConfigError(
            f"run2d {run2d!r}: expected 26, 103, 104 or a version like v5_13_2, v6_1_3"
        )
    return run2d


def read_list(path: Path, run2d: str, kind: str) -> pa.Table:
    """Read a CSV file of wanted spectra.

    Parameters
    ----------
    path
        File with columns, in any case and order, plate, mjd, fiber or fiberid (not needed for kind
        ``plate``), and run2d if it differs from row to row; for SDSS-V field, mjd and catalogid.
        Other columns are ignored, and so is a first line that begins with ``#``.

    Returns
    -------
    Table
        run2d: string; plate, mjd and, unless of kind ``plate``, fiber: int64. Sorted, each row
        once.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, or has no row.
    """
    needed = ["plate", "mjd"] if kind == "plate" else ["plate", "mjd", "fiber"]
    try:
        table = _read_columns(path, needed)
    except OSError as error:
        raise ConfigError(f"cannot read the list {path}: {error.strerror}") from None
    except (pa.ArrowException, csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"the list {path}: {' '.join(str(error).split())}") from None
    is_of_fields = "catalogid" in table.column_names
    _check_numbers(path, table)
    if "run2d" in table.column_names:
        column = pc.utf8_trim_whitespace(table["run2d"])
        table = table.drop_columns("run2d")
    else:
        column = pa.repeat(pa.scalar(run2d), table.num_rows)
    for value in pc.unique(column).to_pylist():
        if "fiber" in needed and is_sdss_v(check_run2d(value)) != is_of_fields:
            column_needed = "fiber" if is_of_fields else "catalogid"
            raise ConfigError(f"the list {path}: run2d {value} needs a column {column_needed}")
    keys = ["run2d", *needed]
    table = table.rename_columns(needed).append_column("run2d", column)
    table = table.sort_by([(key, "ascending") for key in keys])
    return table.select(keys).filter(pa.array(_differs_from_previous(table, keys)))


def _read_columns(path: Path, needed: list[str]) -> pa.Table:
    """Read the needed columns, and run2d if the file has it; SDSS-V's fibre is its catalogid."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        comments = int(first.startswith("#"))
        header = next(csv.reader([file.readline() if comments else first]), [])
    given = {name.strip().lower(): name for name in header}
    found = {
        column: next(given[name] for name in names if name in given)
        for column, names in COLUMNS.items()
        if not given.keys().isdisjoint(names)
    }
    missing = [name for name in needed if name not in found]
    if missing:
        raise ConfigError(f"{path} has no column {missing[0]}: its first line should name it")
    types = {found[name]: pa.int64() for name in needed}
    if "run2d" in found:
        types[found["run2d"]] = pa.string()
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(skip_rows=comments),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=[]
        ),
    )
    names = [*needed, "run2d"][: len(types)]
    is_of_fields = found.get("fiber", "").strip().lower() == "catalogid"
    return table.rename_columns(
        ["catalogid" if name == "fiber" and is_of_fields else name for name in names]
    )


def _check_numbers(path: Path, table: pa.Table) -> None:
    """Check that there are rows, and that numbers are as long as in names of files."""
    if not table.num_rows:
        raise ConfigError(f"the list {path} has no rows")
    for name, digits in (("plate", 6), ("mjd", 5), ("fiber", 4)):
        if name in table.column_names:
            low, high = pc.min_max(table[name]).as_py().values()
            if low < 0 or high >= 10**digits:
                wrong = low if low < 0 else high
                raise ConfigError(f"the list {path}: {wrong} is not a {name}")


def _differs_from_previous(table: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which rows differ from the row before in a key; the first row does."""
    differs = np.zeros(table.num_rows, bool)
    differs[0] = True
    for key in keys:
        codes = table[key].combine_chunks().dictionary_encode().indices.to_numpy()
        differs[1:] |= np.diff(codes) != 0
    return differs


def listed_plates(table: pa.Table) -> tuple[int, Iterator[Plate]]:
    """Return the number of plates in a list, and the plates with their wanted spectra.

    Parameters
    ----------
    table
        From `read_list`.
    """
    keys = ["run2d", "plate"] if "fiber" in table.column_names else table.column_names
    if any(is_sdss_v(run2d) for run2d in pc.unique(table["run2d"]).to_pylist()):
        keys = ["run2d", "plate", "mjd"]  # a folder has a night of a field
    starts = [*np.flatnonzero(_differs_from_previous(table, keys)).tolist(), table.num_rows]
    slices = (table.slice(start, stop - start) for start, stop in pairwise(starts))
    return len(starts) - 1, map(_listed_plate, slices)


def _listed_plate(rows: pa.Table) -> Plate:
    run2d, plate, mjd = (rows[name][0].as_py() for name in ("run2d", "plate", "mjd"))
    if "fiber" not in rows.column_names:
        return Plate(run2d, plate, mjd)
    spectra = zip(rows["mjd"].to_pylist(), rows["fiber"].to_pylist(), strict=True)
    names = tuple(spec_name(run2d, plate, night, fiber) for night, fiber in spectra)
    return Plate(run2d, plate, mjd if is_sdss_v(run2d) else None, names)
