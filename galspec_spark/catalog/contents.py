"""The table ``catalog``: its parts of one model, and what is in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.parts import partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Columns of ``catalog`` that `summarise` needs.
SUMMARISED = ("class", "flags", "label", "margin")


def read_catalog(
    spark: SparkSession, warehouse: Warehouse, model: str, release: str | None = None
) -> DataFrame:
    """Open the catalogue that one model made, of one release or of all.

    Raises
    ------
    UserError
        If there is none.
    """
    return scan(spark, catalog_parts(warehouse, model, release))


def catalog_parts(warehouse: Warehouse, model: str, release: str | None = None) -> list[Location]:
    """Return the parts of the catalogue that one model made, of one release or of all.

    Raises
    ------
    UserError
        If there is none.
    """
    values = {part: partition_values(part) for part in warehouse.existing_parts("catalog")}
    parts = [
        part
        for part, value in values.items()
        if value["model"] == model and release in (None, value["release"])
    ]
    if not parts:
        of = f" of release {release}" if release else ""
        raise UserError(
            f"no catalogue{of} by model {model} in {warehouse.root}: run jobs/classify.py"
        )
    return parts


def summarise(catalog: DataFrame) -> dict[str, Any]:
    """Count rows: in all, by class and by flag; and score them where the survey has a label.

    The scores are of all labelled spectra with pixels, those that abstain among them.

    Parameters
    ----------
    catalog
        The columns `SUMMARISED`; read once.
    """
    has_both = F.col("label").isNotNull() & F.col("margin").isNotNull()
    called = (F.col("margin") >= 0).cast("int")
    counts = (
        catalog.groupBy(
            "class", "flags", F.when(has_both, F.col("label") * 2 + called).alias("cell")
        )
        .count()
        .toPandas()
    )
    classes = counts.groupby("class")["count"].sum()
    bits = {name: (counts["flags"].to_numpy() >> bit) & 1 == 1 for name, bit in FLAG_BITS.items()}
    cells = [int(counts.loc[counts["cell"] == cell, "count"].sum()) for cell in range(4)]
    confusion = np.array(cells).reshape(2, 2)
    return {
        "spectra": int(counts["count"].sum()),
        "classes": {str(name): int(classes[name]) for name in sorted(classes.index)},
        "flags": {name: int(counts["count"][has].sum()) for name, has in bits.items()},
        "against_labels": {
            "spectra": sum(cells),
            "confusion": confusion.tolist(),
            **(classification_scores(confusion) if sum(cells) else {}),
        },
    }
