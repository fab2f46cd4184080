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
#: Columns that are computed when a batch is converted.
COMPUTED = {"healpix29", "pixels", "quality"}


class FilteringReader(SpectraReader):
    """Leaves out rows by filters before their pixels are converted."""

    def pushFilters(self, filters: list[datasource.Filter]) -> Iterable[datasource.Filter]:
        """Keep the filters that the readers can apply; return the others."""
        self._tests: list[Callable[[Row], bool]] = []
        for pushed in filters:
            test = test_of(pushed)
            if test is None:
                yield pushed
            else:
                self._tests.append(test)

    def wanted(self, row: Row) -> bool:
        """Tell whether a row is requested."""
        return super().wanted(row) and all(test(row) for test in self._tests)


def test_of(pushed: datasource.Filter) -> Callable[[Row], bool] | None:
    """Return a filter as a function of a row; None where Spark has to apply it.

    Spark applies filters on arrays, on columns that are computed for whole batches, and on float32
    columns, whose values the readers hold with more digits.
    """
    name = ".".join(getattr(pushed, "attribute", ()))
    if name not in SCHEMA.names or name in COMPUTED:
        return None
    kind = SCHEMA.field(name).type
    if pa.types.is_list(kind) or pa.types.is_float32(kind):
        return None
    if isinstance(pushed, datasource.IsNotNull):
        return lambda row: _value(row, name) is not None
    if isinstance(pushed, datasource.IsNull):
        return lambda row: _value(row, name) is None
    compare = COMPARISONS.get(type(pushed))
    if compare is None or _has_nan(pushed.value):  # type: ignore[attr-defined]
        return None
    wanted = pushed.value  # type: ignore[attr-defined]

    def test(row: Row) -> bool:
        value = _value(row, name)
        return value is not None and compare(value, wanted)

    return test


def _value(row: Row, name: str) -> object:
    """Return a value as in the table, where a number that is not finite is null."""
    value = row.get(name)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _has_nan(value: object) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(isinstance(v, float) and math.isnan(v) for v in values)
