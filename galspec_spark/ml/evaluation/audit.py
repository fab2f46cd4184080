"""Whether anything of the test split could have been seen in training."""

from __future__ import annotations

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from galspec_spark.errors import UserError


def audit_leakage(restframe: DataFrame) -> None:
    """Make sure that no object is in two splits or folds, and no spectrum there twice.

    One aggregate: each row counts once under its object and once under its spectrum.

    Parameters
    ----------
    restframe
        Columns ``spectrum_id``, ``object_id``, ``split`` and ``fold``; rows without a split are not
        used, and do not matter.

    Raises
    ------
    UserError
        If one is.
    """
    used = restframe.where("split is not null")
    place = F.concat_ws(" ", "split", F.concat(F.lit("fold "), "fold"))
    names = F.explode(
        F.array(
            *(
                F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("name"))
                for kind in ("object_id", "spectrum_id")
            )
        )
    )
    found = (
        used.select(names.alias("of"), place.alias("place"))
        .groupBy("of")
        .agg(F.array_sort(F.collect_set("place")).alias("places"), F.count("*").alias("rows"))
        .where(
            F.when(F.col("of.kind") == "object_id", F.size("places") > 1).otherwise(
                F.col("rows") > 1
            )
        )
        .groupBy("of.kind")
        .agg(F.count("*").alias("number"), F.min_by(F.struct("*"), "of.name").alias("first"))
        .orderBy("kind")
        .collect()
    )
    if found:
        raise UserError(_message(found[0]))


def _message(found: Row) -> str:
    first = found.first
    if found.kind == "object_id":
        fault = "objects in more than one split or fold"
        example = f"{first.of.name} ({', '.join(first.places)})"
    else:
        fault = "spectra more than once in the splits"
        example = f"{first.of.name} ({first.rows} times)"
    return (
        f"{fault}: {found.number}, for example {example}; scores would be too good: remove the "
        "table restframe and preprocess again"
    )
