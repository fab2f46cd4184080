"""Filter of the exported rows: a condition in Spark SQL, checked before it runs."""

from __future__ import annotations

from typing import Any

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.export.columns import CATALOGUE


def keep_rows(catalog: DataFrame, where: str | None) -> DataFrame:
    """Keep the rows for which an expression such as ``class = 'AGN' AND z < 0.1`` is true.

    Raises
    ------
    UserError
        If the expression is no condition on the columns, or its value may change between runs.
    """
    if where is None:
        return catalog
    try:
        kept = catalog.filter(F.expr(where))
    except (ParseException, AnalysisException) as error:
        raise filter_error(where, error, catalog.columns) from None
    forbidden = _forbidden(kept)
    if forbidden:
        raise UserError(f"cannot filter by {where!r}: {forbidden} is not allowed")
    return kept


def filter_error(where: str, error: PySparkException, columns: list[str]) -> UserError:
    """Return Spark's error about a filter as one line that names the columns."""
    cause = str(error).strip().partition("\n")[0].partition(" SQLSTATE")[0]
    listed = ", ".join(name for name in columns if name in CATALOGUE.described)
    if len(columns) > len(CATALOGUE.described):  # hundreds
        listed += " and those of the table lines"
    return UserError(f"cannot filter by {where!r}: {cause} (columns: {listed})")


def _forbidden(kept: DataFrame) -> str | None:
    """Name what is forbidden in a filter, by Spark's own analysis; None if nothing is."""
    jvm: Any = kept.sparkSession._jvm
    catalyst = jvm.org.apache.spark.sql.catalyst
    condition = kept._jdf.queryExecution().analyzed().condition()
    if catalyst.expressions.SubqueryExpression.hasSubquery(condition):
        return "a subquery"
    current = catalyst.trees.TreePattern.CURRENT_LIKE()  # current_date() and such
    if not condition.deterministic() or condition.containsPattern(current):
        return "a function whose value changes"
    return None
