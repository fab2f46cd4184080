"""What is said of a column: description, UCD and unit, kept as metadata of its Arrow field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """What is said of one column."""

    description: str  #: at most 68 characters, to fit a card of a FITS header
    ucd: str  #: UCD1+, words of the IVOA's list
    unit: str | None = None  #: as FITS and VOTable spell it; None for no unit


def column(
    name: str,
    kind: pa.DataType,
    description: str,
    ucd: str,
    unit: str | None = None,
) -> pa.Field:
    """Return a field of a schema with what is said of it; see `Column`."""
    return described(pa.field(name, kind), Column(description, ucd, unit))


def required(
    name: str, kind: pa.DataType, description: str, ucd: str, unit: str | None = None
) -> pa.Field:
    """Return a field like `column` that is never null."""
    return column(name, kind, description, ucd, unit).with_nullable(False)


def described(field: pa.Field, meaning: Column) -> pa.Field:
    """Return a field with what is said of it, in place of what was said before."""
    said = {name: value for name, value in meaning._asdict().items() if value is not None}
    return field.with_metadata(said)


def describe(schema: pa.Schema, meanings: Mapping[str, Column]) -> pa.Schema:
    """Return a schema with what is said of its columns, by their names."""
    return pa.schema(
        [described(field, meanings[field.name]) for field in schema], metadata=schema.metadata
    )


def meaning_of(field: pa.Field) -> Column | None:
    """Return what is said of a field; None if nothing is."""
    if not field.metadata:
        return None
    said = {key.decode(): value.decode() for key, value in field.metadata.items()}
    return Column(said["description"], said["ucd"], said.get("unit"))
