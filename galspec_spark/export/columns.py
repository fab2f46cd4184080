"""The columns of an exported catalogue: those of the tables, with what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from galspec_spark.catalog.keys import KEYS
from galspec_spark.warehouse.columns import Column, meaning_of
from galspec_spark.warehouse.fields import MODEL, RELEASE, SURVEY
from galspec_spark.warehouse.schemas import CATALOG


@dataclass(frozen=True)
class Columns:
    """The columns of an export, in the order of its files."""

    schema: pa.Schema

    @cached_property
    def described(self) -> dict[str, Column]:
        """What is said of the columns, by their names."""
        meanings = {field.name: meaning_of(field) for field in self.schema}
        return {name: meaning for name, meaning in meanings.items() if meaning is not None}

    @property
    def text(self) -> list[str]:
        """Return the names of the columns of text."""
        return [field.name for field in self.schema if pa.types.is_string(field.type)]


def exported(field: pa.Field) -> pa.Field:
    """Return a field as exports have it; see `STORED_AS`."""
    return field.with_type(STORED_AS.get(field.type, field.type))


#: Types that not every format has; a flag is a short integer, and so is a truth value, 1 or 0:
#: readers of FITS take a missing truth value for a false one.
STORED_AS = {pa.bool_(): pa.int16(), pa.int8(): pa.int16()}
_STORED = {field.name: field for field in [*CATALOG, *KEYS, SURVEY, RELEASE, MODEL]}
#: The columns of the table ``catalog``, its partition columns and the keys included.
CATALOGUE = Columns(
    pa.schema(
        exported(_STORED[name])
        for name in (
            "spectrum_id", "object_id", "survey", "release", "plate", "mjd", "fiber", "field",
            "target_id", "run2d", "specobjid", "ra", "dec", "healpix29", "z", "z_err", "zwarning",
            "subclass", "simulated", "sn_median", "coverage", "label", "class", "probability",
            "margin", "prediction_set", "reconstruction_error", "flags", "reason", "features",
            "url", "model", "version", "run_id", "config_hash",
        )
    )
)  # fmt: skip
#: Sort order of the rows: by position on the sky.
ORDER = ["healpix29", "spectrum_id", "model"]
