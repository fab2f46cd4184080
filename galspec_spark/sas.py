"""The SDSS Science Archive Server (SAS): where it keeps spectra, and which of them are wanted.

The folders are those of SDSS's own description of the archive, the product ``tree`` (files
``data/dr*.cfg``) and the function ``spectrodir`` of ``sdss_access``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from galspec_spark.errors import ConfigError

KINDS = ("lite", "full", "plate")
#: Reductions of SDSS-I/II, which have their own part of the archive; later ones are (e)BOSS's.
LEGACY_RUN2D = ("26", "103", "104")
#: In SDSS-V (reductions v6) fields replace plates, and catalogue identifiers replace fibres.
RUN2D = re.compile(r"\d+|v[1-5]_\d+_\d+")

SHA1_FILE = re.compile(r"[\w.-]+\.sha1sum")
SHA1_LINE = re.compile(r"([0-9a-fA-F]{40}) [ *](?:\./)?(\S+)")


@dataclass(frozen=True)
class Plate:
    """What is wanted of one plate."""

    run2d: str  #: version of the reduction
    plate: int
    mjd: int | None = None  #: None: all
    names: tuple[str, ...] | None = None  #: of spec files; None: those that the archive lists


@dataclass(frozen=True)
class Archive:
    """One kind of files of one data release.

    Raises
    ------
    ConfigError
        If the address is not one of http or https, or the release is not one of plates.
    """

    address: str  #: of the archive's root, for example ``https://data.sdss.org/sas``
    release: str  #: for example ``dr17``
    kind: str  #: ``lite``, ``full`` (spectrum by spectrum) or ``plate`` (spPlate and companions)

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.address)
            good = url.scheme in ("http", "https") and url.hostname and not url.query + url.fragment
        except ValueError:
            good = False
        if not good:
            raise ConfigError(f"{self.address} is not an http or https address of a folder")
        if not re.fullmatch(r"dr([89]|[1-9]\d)", self.release):
            raise ConfigError(f"{self.release} is not an SDSS release: expected dr8, dr9, ...")

    def url(self, path: str) -> str:
        """Return the address of a path below the archive's root."""
        return f"{self.address.rstrip('/')}/{path}"

    def folders(self, plate: Plate) -> list[str]:
        """Return the folders of a plate's files, below the archive's root.

        Of two, the second holds what the classifier made of the first, where the reduction kept
        it apart.
        """
        number = int(self.release.removeprefix("dr"))
        if number >= 18:
            redux = f"{self.release}/spectro/sdss/redux/{plate.run2d}"
        else:
            boss = "boss" if number < 13 else "eboss"
            survey = "sdss" if plate.run2d in LEGACY_RUN2D else boss
            redux = f"{self.release}/{survey}/spectro/redux/{plate.run2d}"
        if self.kind == "plate":
            folder = f"{redux}/{plate.plate:04d}"
            return [folder, f"{folder}/{plate.run2d}"]
        return [f"{redux}/spectra/{self.kind}/{plate.plate:04d}"]

    def file_name(self, plate: Plate) -> re.Pattern[str]:
        """Return what the name of a wanted file looks like."""
        mjd = r"\d{5}" if plate.mjd is None else f"{plate.mjd:05d}"
        if self.kind == "plate":
            return re.compile(rf"sp(Plate|Zbest|Zline)-{plate.plate:04d}-{mjd}\.fits")
        return re.compile(rf"spec-{plate.plate:04d}-{mjd}-\d{{4}}\.fits")


def names_in_index(html: str, url: str, name: re.Pattern[str]) -> list[str]:
    """Return the names of a folder's own files that match, sorted, from the server's index of it.

    Links elsewhere and names with any path in them are left out, so what is returned is safe to
    use as the name of a file.
    """
    index = _Links()
    index.feed(html)
    folder = url.rstrip("/") + "/"
    found = set()
    for link in index.links:
        with suppress(ValueError):  # not an address
            found.add(unquote(urljoin(folder, link).removeprefix(folder)))
    return sorted(file for file in found if name.fullmatch(file))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for key, value in attrs if tag == "a" and key == "href" and value]


def read_sha1_sums(text: str) -> dict[str, str]:
    """Return the sums in the output of sha1sum, by file name; other lines are passed over."""
    lines = (SHA1_LINE.fullmatch(line.rstrip()) for line in text.splitlines())
    return {line[2]: line[1].lower() for line in lines if line}


def parse_plates(words: Sequence[str], run2d: str) -> list[Plate]:
    """Read plates such as ``266``, and plates of one night such as ``266-51630``.

    Raises
    ------
    ConfigError
        If a word is neither.
    """
    plates = set()
    for word in words:
        match = re.fullmatch(r"0*(\d{1,5})(?:-(\d{5}))?", word)
        if not match:
            raise ConfigError(f"--plates {word}: expected a plate (266) or a plate-mjd (266-51630)")
        plates.add(Plate(check_run2d(run2d), int(match[1]), int(match[2]) if match[2] else None))
    whole = {plate.plate for plate in plates if plate.mjd is None}
    wanted = [p for p in plates if p.mjd is None or p.plate not in whole]
    return sorted(wanted, key=lambda p: (p.plate, p.mjd or 0))


def check_run2d(run2d: str) -> str:
    """Return the version of a reduction; anything else is a ConfigError."""
    if not RUN2D.fullmatch(run2d):
        raise ConfigError(f"run2d {run2d!r}: expected 26, 103, 104 or one of plates, like v5_13_2")
    return run2d


def read_list(path: Path, run2d: str, kind: str) -> pa.Table:
    """Read a CSV file of wanted spectra.

    Parameters
    ----------
    path
        Its columns, in any case and order: plate, mjd, fiber or fiberid (not needed for plates),
        and run2d if it differs from row to row. Others are passed over, and so is a first line
        that begins with ``#``.

    Returns
    -------
    Table
        run2d: string; plate, mjd, and fiber unless of plates: int32. Sorted, each row once.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, or has no row.
    """
    columns = ["plate", "mjd"] if kind == "plate" else ["plate", "mjd", "fiber"]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            comments = int(first.startswith("#"))
            header = next(csv.reader([file.readline() if comments else first]), [])
        found = {name.strip().lower().replace("fiberid", "fiber"): name for name in header}
        missing = [name for name in columns if name not in found]
        if missing:
            raise ConfigError(f"{path} has no column {missing[0]}: its first line should name it")
        columns += ["run2d"] if "run2d" in found else []
        types = {found[name]: pa.string() if name == "run2d" else pa.int32() for name in columns}
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=comments),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[]
            ),
        ).rename_columns(columns)
    except OSError as error:
        raise ConfigError(f"cannot read the list {path}: {error.strerror}") from None
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise ConfigError(f"the list {path}: {' '.join(str(error).split())}") from None
    return _checked(path, table, run2d)


def _checked(path: Path, table: pa.Table, run2d: str) -> pa.Table:
    if not table.num_rows:
        raise ConfigError(f"the list {path} has no rows")
    for name, digits in (("plate", 5), ("mjd", 5), ("fiber", 4)):
        if name in table.column_names:
            low, high = pc.min_max(table[name]).as_py().values()
            if low < 0 or high >= 10**digits:
                wrong = low if low < 0 else high
                raise ConfigError(f"the list {path}: {wrong} is not a {name}")
    if "run2d" not in table.column_names:
        table = table.append_column("run2d", pa.repeat(pa.scalar(run2d), table.num_rows))
    table = table.set_column(
        table.column_names.index("run2d"), "run2d", pc.utf8_trim_whitespace(table["run2d"])
    )
    for value in pc.unique(table["run2d"]).to_pylist():
        check_run2d(value)
    keys = [name for name in ("run2d", "plate", "mjd", "fiber") if name in table.column_names]
    return table.group_by(keys).aggregate([]).select(keys).sort_by([(k, "ascending") for k in keys])


def listed_plates(table: pa.Table) -> tuple[int, Iterator[Plate]]:
    """Return how many plates a list has, and what it wants of each.

    Parameters
    ----------
    table
        From `read_list`.
    """
    run2d = table["run2d"].combine_chunks().dictionary_encode().indices.to_numpy()
    change = (np.diff(run2d) != 0) | (np.diff(table["plate"].to_numpy()) != 0)
    if "fiber" not in table.column_names:
        change[:] = True  # each row is a plate and night
    starts = np.flatnonzero(np.r_[True, change, True]).tolist()
    slices = (table.slice(start, stop - start) for start, stop in pairwise(starts))
    return len(starts) - 1, map(_listed_plate, slices)


def _listed_plate(rows: pa.Table) -> Plate:
    run2d, plate, mjd = (rows[name][0].as_py() for name in ("run2d", "plate", "mjd"))
    if "fiber" not in rows.column_names:
        return Plate(run2d, plate, mjd)
    spectra = zip(rows["mjd"].to_pylist(), rows["fiber"].to_pylist(), strict=True)
    names = (f"spec-{plate:04d}-{mjd:05d}-{fiber:04d}.fits" for mjd, fiber in spectra)
    return Plate(run2d, plate, names=tuple(names))
