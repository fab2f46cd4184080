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


_STORED = {field.name: field for field in [*CATALOG, *KEYS, SURVEY, RELEASE, MODEL]}
#: The columns of the table ``catalog``, its partition columns and the keys included.
CATALOGUE = Columns(
    pa.schema(
        _STORED[name]
        for name in (
            "spectrum_id", "object_id", "survey", "release", "plate", "mjd", "fiber", "field",
            "target_id", "run2d", "specobjid", "ra", "dec", "healpix29", "z", "z_err", "zwarning",
            "subclass", "sn_median", "coverage", "label", "class", "probability", "margin",
            "prediction_set", "reconstruction_error", "flags", "reason", "features", "url", "model",
            "version", "run_id", "config_hash",
        )
    )
)  # fmt: skip
#: Sort order of the rows: by position on the sky.
ORDER = ["healpix29", "spectrum_id", "model"]
