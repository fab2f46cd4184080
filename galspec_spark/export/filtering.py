"""Filter of the exported rows: a condition in Spark SQL, checked before it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.catalog.read import OF_LINES
from galspec_spark.errors import ConfigError, UserError, java_cause, lacks_memory
from galspec_spark.export.columns import CATALOGUE

#: Quoted texts and names.
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", re.DOTALL)


def keep_rows(catalog: DataFrame, where: str | None) -> DataFrame:
    """Keep the rows for which an expression such as ``class = 'AGN' AND z < 0.1`` is true.

    Raises
    ------
    ConfigError
        If the expression is no condition on the columns, or its value may change between runs.
    """
    if where is None:
        return catalog
    with naming_filter(where, catalog.columns):
        forbidden = _not_said_plainly(catalog.sparkSession, where)
        if not forbidden:
            kept = catalog.filter(F.expr(where))
            forbidden = _forbidden(kept)
    if forbidden:
        raise ConfigError(f"cannot filter by {where!r}: {forbidden} is not allowed")
    return kept


@contextmanager
def naming_filter(where: str | None, columns: list[str]) -> Iterator[None]:
    """Tell a failure of the filter, as it is read or evaluated, in one line with the columns.

    Failures of Python tasks and a lack of memory are not the filter's.

    Raises
    ------
    ConfigError
        In place of any error of Spark's.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # Spark wraps what expressions throw in many ways, or not at all
        text = str(error)
        if where is None or "Traceback (most recent call last)" in text or lacks_memory(text):
            raise
        cause = java_cause(text).partition(" SQLSTATE")[0]
        raise ConfigError(f"cannot filter by {where!r}: {cause} ({_listed(columns)})") from None


def _listed(columns: list[str]) -> str:
    listed = ", ".join(name for name in columns if name in CATALOGUE.described)
    if set(OF_LINES.schema.names) & set(columns):  # hundreds
        listed += " and those of the table lines"
    return f"columns: {listed}"


def _not_said_plainly(spark: SparkSession, where: str) -> str | None:
    """Name what would make Spark read another condition than the text; None if nothing does."""
    if "${" in where:
        return "${...}, for which Spark would put a variable,"
    if re.search(r"--|/\*", QUOTED.sub("''", where)):
        return "a comment"
    jvm: Any = spark._jvm
    parser = spark._jsparkSession.sessionState().sqlParser()
    alias = jvm.org.apache.spark.sql.catalyst.trees.TreePattern.ALIAS()
    if parser.parseExpression(where).containsPattern(alias):
        return "a name after the condition"
    return None


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
