"""Which spectra the page shows: groups that a person wants to look at, each in turn.

Within a group a hash of the identifier decides, so the spectra are a fair sample of the group, and
the order of the rows does not matter.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from galspec_spark.labels import AGN
from galspec_spark.warehouse.flags import ABSTAIN, FLAG_BITS

#: Columns of ``catalog`` that its choice needs.
OF_CATALOG = ("spectrum_id", "class", "flags", "reason")


def choose_from_catalog(catalog: DataFrame, number: int) -> list[str]:
    """Choose spectra of a catalogue: AGN, abstained, label differs, outliers, and of the rest.

    Parameters
    ----------
    catalog
        Its columns `OF_CATALOG`.
    number
        Most spectra that are chosen.

    Returns
    -------
    list
        Values of ``spectrum_id``.
    """
    # A spectrum that was read from two files is listed by each; only one of them is used.
    rows = catalog.where(F.coalesce(F.col("reason") != "duplicate", F.lit(True)))
    groups = [
        _has("LABEL_DIFFERS"),
        _has("OUTLIER"),
        F.col("class") == ABSTAIN,
        F.col("class") == AGN,
    ]
    return _take_turns(rows, groups, number)


def choose_from_predictions(predictions: DataFrame, agn: int, number: int) -> list[str]:
    """Choose spectra of a test split: the misclassified, the AGN, and of the rest.

    Parameters
    ----------
    predictions
        Of one classifier, from `galspec_spark.train.results.write_predictions`.
    agn
        Label of AGN.
    number
        Most spectra that are chosen.

    Returns
    -------
    list
        Values of ``spectrum_id``.
    """
    called = F.col("called")
    return _take_turns(predictions, [called != F.col("label"), called == agn], number)


def _has(flag: str) -> Column:
    return F.col("flags").bitwiseAND(1 << FLAG_BITS[flag]) != 0


def _take_turns(rows: DataFrame, groups: list[Column], number: int) -> list[str]:
    """Let each group in turn give its next spectrum; last is the group of those in no other."""
    members = [*groups, ~reduce(or_, groups)]
    numbers = F.array(*(F.when(holds, F.lit(place)) for place, holds in enumerate(members)))
    of_group = rows.select("spectrum_id", F.explode(F.array_compact(numbers)).alias("group"))
    order = Window.partitionBy("group").orderBy(F.xxhash64("spectrum_id"), "spectrum_id")
    # Spark keeps only the leading rows of each task, so this does not grow with the catalogue.
    leading = of_group.withColumn("turn", F.row_number().over(order)).where(F.col("turn") <= number)
    chosen = leading.groupBy("spectrum_id").agg(F.min(F.struct("turn", "group")).alias("first"))
    return [row[0] for row in chosen.orderBy("first").limit(number).collect()]
