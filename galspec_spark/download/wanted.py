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

from galspec_spark.errors import ConfigError

#: In SDSS-V (reductions v6) fields replace plates, and catalogue identifiers replace fibres.
RUN2D = re.compile(r"\d+|v[1-5]_\d+_\d+", re.ASCII)


@dataclass(frozen=True)
class Plate:
    """A plate, and which of its spectra are wanted."""

    run2d: str  #: version of the reduction
    plate: int
    mjd: int | None = None  #: None: all nights
    names: tuple[str, ...] | None = None  #: of spec files; None: all that the archive lists


def parse_plates(words: Sequence[str], run2d: str) -> list[Plate]:
    """Read plates such as ``266``, and plates of one night such as ``266-51630``.

    Raises
    ------
    ConfigError
        If a word is neither.
    """
    plates = set()
    for word in words:
        match = re.fullmatch(r"0*(\d{1,5})(?:-(\d{5}))?", word, re.ASCII)
        if not match:
            raise ConfigError(f"--plates {word}: expected a plate (266) or a plate-mjd (266-51630)")
        plates.add(Plate(check_run2d(run2d), int(match[1]), int(match[2]) if match[2] else None))
    whole = {plate.plate for plate in plates if plate.mjd is None}
    wanted = [p for p in plates if p.mjd is None or p.plate not in whole]
    return sorted(wanted, key=lambda p: (p.plate, p.mjd or 0))


def check_run2d(run2d: str) -> str:
    """Return a version of a reduction; raise ConfigError for anything else."""
    if not RUN2D.fullmatch(run2d):
        raise ConfigError(f"run2d {run2d!r}: expected 26, 103, 104 or a version like v5_13_2")
    return run2d


def read_list(path: Path, run2d: str, kind: str) -> pa.Table:
    """Read a CSV file of wanted spectra.

    Parameters
    ----------
    path
        File with columns, in any case and order, plate, mjd, fiber or fiberid (not needed for kind
        ``plate``), and run2d if it differs from row to row. Other columns are ignored, and so is a
        first line that begins with ``#``.

    Returns
    -------
    Table
        run2d: string; plate, mjd and, unless of kind ``plate``, fiber: int32. Sorted, each row
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
    _check_numbers(path, table)
    if "run2d" in table.column_names:
        column = pc.utf8_trim_whitespace(table["run2d"])
        table = table.drop_columns("run2d")
    else:
        column = pa.repeat(pa.scalar(run2d), table.num_rows)
    for value in pc.unique(column).to_pylist():
        check_run2d(value)
    keys = ["run2d", *needed]
    table = table.append_column("run2d", column).sort_by([(key, "ascending") for key in keys])
    return table.select(keys).filter(pa.array(_differs_from_previous(table, keys)))


def _read_columns(path: Path, needed: list[str]) -> pa.Table:
    """Read the needed columns, and run2d if the file has it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        comments = int(first.startswith("#"))
        header = next(csv.reader([file.readline() if comments else first]), [])
    found = {name.strip().lower().replace("fiberid", "fiber"): name for name in header}
    missing = [name for name in needed if name not in found]
    if missing:
        raise ConfigError(f"{path} has no column {missing[0]}: its first line should name it")
    types = {found[name]: pa.int32() for name in needed}
    if "run2d" in found:
        types[found["run2d"]] = pa.string()
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(skip_rows=comments),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=[]
        ),
    )
    return table.rename_columns([*needed, "run2d"][: len(types)])


def _check_numbers(path: Path, table: pa.Table) -> None:
    if not table.num_rows:
        raise ConfigError(f"the list {path} has no rows")
    for name, digits in (("plate", 5), ("mjd", 5), ("fiber", 4)):
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
    starts = [*np.flatnonzero(_differs_from_previous(table, keys)).tolist(), table.num_rows]
    slices = (table.slice(start, stop - start) for start, stop in pairwise(starts))
    return len(starts) - 1, map(_listed_plate, slices)


def _listed_plate(rows: pa.Table) -> Plate:
    run2d, plate, mjd = (rows[name][0].as_py() for name in ("run2d", "plate", "mjd"))
    if "fiber" not in rows.column_names:
        return Plate(run2d, plate, mjd)
    spectra = zip(rows["mjd"].to_pylist(), rows["fiber"].to_pylist(), strict=True)
    names = (f"spec-{plate:04d}-{mjd:05d}-{fiber:04d}.fits" for mjd, fiber in spectra)
    return Plate(run2d, plate, names=tuple(names))
