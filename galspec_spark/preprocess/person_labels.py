"""Labels that a person gave, which win over the survey's: a file of names and classes."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark.errors import ConfigError
from galspec_spark.labels import BINARY, Classes
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

ID, LABEL = "spectrum_id", "label"
#: Values of the column ``label_source`` of ``sample``.
PERSON, SURVEY = "person", "survey"
#: How a Parquet file begins; anything else is read as CSV.
PARQUET = b"PAR1"

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
#: Where an entry stands in its file, the spectrum and the name of the class.
Entry = tuple[str, str, str]


@dataclass(frozen=True)
class PersonLabels:
    """The entries of a file, sorted by spectrum."""

    file: str
    where: tuple[str, ...]  #: the place of each entry in the file, such as ``line 3``
    names: pa.Array  #: ``spectrum_id``
    labels: Integers

    @property
    def digest(self) -> str | None:
        """A hash, 16 digits, of spectra and labels, whatever the order; None without any."""
        if not len(self.names):
            return None
        text = repr([*zip(self.names.to_pylist(), self.labels.tolist(), strict=True)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check_known(self, warehouse: Warehouse, parts: Iterable[Location]) -> None:
        """Check that the warehouse has the spectra.

        Parameters
        ----------
        parts
            Parts of its tables that have the names of all spectra.

        Raises
        ------
        ConfigError
            With the first entry of a spectrum that it has not.
        """
        is_known = np.zeros(len(self.names), np.bool_)
        for part in parts:
            if is_known.all():
                return
            found = open_part(part).read([ID])[ID]
            is_known |= pc.is_in(self.names, found.combine_chunks()).to_numpy(zero_copy_only=False)
        unknown = np.flatnonzero(~is_known)
        if unknown.size:
            first = int(unknown[0])
            raise ConfigError(
                f"{self.file}, {self.where[first]}: no spectrum {self.names[first].as_py()!r} in "
                f"{warehouse.root}{_more(unknown.size)}: correct it, or remove the line"
            )


NO_LABELS = PersonLabels("", (), pa.array([], pa.string()), np.empty(0, np.int64))


def read_labels(file: str | None, classes: Classes = BINARY) -> PersonLabels:
    """Read a file of labels; no entry without a file.

    Parameters
    ----------
    file
        CSV or Parquet with the columns ``spectrum_id`` and ``label``, the name of a class in any
        case; an empty label is not an entry, and other columns are ignored.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, has no label, names an unknown class, or has a
        spectrum twice; the message names the line.
    """
    if file is None:
        return NO_LABELS
    entries = [entry for entry in _entries(file) if entry[2]]
    if not entries:
        raise ConfigError(f"{file} has no label: fill in its column {LABEL!r}")
    numbers = {name.casefold(): number for number, name in enumerate(classes.names)}
    seen: dict[str, Entry] = {}
    for entry in entries:
        where, name, label = entry
        if not name:
            raise ConfigError(f"{file}, {where}: the label {label!r} has no {ID}: add it")
        if label.casefold() not in numbers:
            known = ", ".join(classes.names)
            raise ConfigError(f"{file}, {where}: unknown class {label!r}; known: {known}")
        if name in seen:
            first, _, other = seen[name]
            what = f", as {other!r} in {first} and {label!r} here" if other != label else ""
            raise ConfigError(f"{file}, {where}: {name} is there twice{what}: keep one of the two")
        seen[name] = entry
    found = sorted(seen.values(), key=lambda entry: entry[1])
    return PersonLabels(
        file,
        tuple(where for where, _, _ in found),
        pa.array([name for _, name, _ in found], pa.string()),
        np.array([numbers[label.casefold()] for _, _, label in found], np.int64),
    )


def with_person(
    survey: Integers, names: pa.ChunkedArray, objects: Integers, person: PersonLabels
) -> tuple[Integers, Booleans]:
    """Return the labels of all spectra, and which of them are a person's.

    A person labels a galaxy: the label counts for all observations of its object. Where a person
    gave an object's spectra several labels, as it changed, each counts for its own spectrum alone.

    Parameters
    ----------
    survey
        The survey's labels, (n,).
    names
        ``spectrum_id``, (n,).
    objects
        The number of each spectrum's object, (n,), from 0.
    """
    place = pc.index_in(names, person.names).combine_chunks()
    own = np.asarray(pc.fill_null(place, -1).to_numpy())
    is_own = own >= 0
    label = survey.copy()
    label[is_own] = person.labels[own[is_own]]
    classes = int(person.labels.max(initial=0)) + 1
    given = np.zeros((int(objects.max(initial=-1)) + 1, classes), np.bool_)
    given[objects[is_own], label[is_own]] = True
    of_object = (given.sum(axis=1) == 1)[objects] & ~is_own
    label[of_object] = given.argmax(axis=1)[objects[of_object]]
    return label, is_own | of_object


def _entries(file: str) -> list[Entry]:
    place = Location.of(file)
    try:
        content = place.read()
        return _parquet(file, content) if content.startswith(PARQUET) else _csv(file, content)
    except OSError as error:
        raise ConfigError(f"cannot read the labels {file}: {error.strerror or error}") from None
    except (pa.ArrowException, csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"the labels {file}: {' '.join(str(error).split())}") from None


def _csv(file: str, content: bytes) -> list[Entry]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    _check_columns(file, rows.fieldnames)
    return [
        (f"line {rows.line_num}", (row[ID] or "").strip(), (row[LABEL] or "").strip())
        for row in rows
    ]


def _parquet(file: str, content: bytes) -> list[Entry]:
    table = pq.read_table(pa.BufferReader(content))
    _check_columns(file, table.column_names)
    columns = [table[name].cast(pa.string()).to_pylist() for name in (ID, LABEL)]
    return [
        (f"row {number}", (name or "").strip(), (label or "").strip())
        for number, (name, label) in enumerate(zip(*columns, strict=True), 1)
    ]


def _check_columns(file: str, names: Sequence[str]) -> None:
    for name in (ID, LABEL):
        if name not in names:
            raise ConfigError(f"{file} has no column {name!r}: name it in the first line")


def _more(count: int) -> str:
    return f" (nor {count - 1} more)" if count > 1 else ""
