"""Filters that Spark hands to the data source, as tests of the rows that readers return."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable

import pyarrow as pa
from pyspark.sql import datasource

from galspec_spark.datasource.source import SCHEMA, SpectraReader
from galspec_spark.readers.rows import Row

COMPARISONS: dict[type[datasource.Filter], Callable[..., bool]] = {
    datasource.EqualTo: operator.eq,
    datasource.GreaterThan: operator.gt,
    datasource.GreaterThanOrEqual: operator.ge,
    datasource.LessThan: operator.lt,
    datasource.LessThanOrEqual: operator.le,
    datasource.In: lambda value, values: value in values,
    datasource.StringStartsWith: str.startswith,
}
#: Not known before a batch is converted.
COMPUTED = {"healpix29", "pixels", "quality"}


class FilteringReader(SpectraReader):
    """Leaves out rows by filters before their pixels are converted."""

    def pushFilters(self, filters: list[datasource.Filter]) -> Iterable[datasource.Filter]:
        """Keep the filters that can be applied here; return the others."""
        self._tests: list[Callable[[Row], bool]] = []
        for each in filters:
            test = test_of(each)
            if test is None:
                yield each
            else:
                self._tests.append(test)

    def wanted(self, row: Row) -> bool:
        """Tell whether a row is asked for."""
        return super().wanted(row) and all(test(row) for test in self._tests)


def test_of(wish: datasource.Filter) -> Callable[[Row], bool] | None:
    """Return a filter as a function of a row; None where it has to be left to Spark.

    Left to Spark are filters on arrays, on what is computed for whole batches, and on float32
    columns, whose values the readers hold with more digits.
    """
    name = ".".join(getattr(wish, "attribute", ()))
    if name not in SCHEMA.names or name in COMPUTED:
        return None
    kind = SCHEMA.field(name).type
    if pa.types.is_list(kind) or pa.types.is_float32(kind):
        return None
    if isinstance(wish, datasource.IsNotNull):
        return lambda row: _value(row, name) is not None
    if isinstance(wish, datasource.IsNull):
        return lambda row: _value(row, name) is None
    compare = COMPARISONS.get(type(wish))
    if compare is None or _has_nan(wish.value):  # type: ignore[attr-defined]
        return None
    wanted = wish.value  # type: ignore[attr-defined]

    def test(row: Row) -> bool:
        value = _value(row, name)
        return value is not None and compare(value, wanted)

    return test


def _value(row: Row, name: str) -> object:
    """Return a value of the table: NaN becomes null there."""
    value = row.get(name)
    return None if isinstance(value, float) and math.isnan(value) else value


def _has_nan(value: object) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(isinstance(v, float) and math.isnan(v) for v in values)
