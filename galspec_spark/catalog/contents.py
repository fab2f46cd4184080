"""The table ``catalog``: its parts of one model, and counts of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.scores import classification_scores, confusion
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Columns of ``catalog`` that `summarise` needs.
SUMMARISED = ("class", "flags", "label", "margin")


def catalog_parts(warehouse: Warehouse, model: str, release: str | None = None) -> list[Location]:
    """Return the parts of the catalogue of a model, for one release or all.

    Raises
    ------
    UserError
        If there is no such catalogue.
    """
    values = {part: partition_values(part) for part in warehouse.existing_parts("catalog")}
    parts = [
        part
        for part, value in values.items()
        if value["model"] == model and release in (None, value["release"])
    ]
    if not parts:
        of_release = f" of release {release}" if release else ""
        raise UserError(
            f"no catalogue{of_release} by model {model} in {warehouse.root}: run galspec classify"
        )
    return parts


def summarise(parts: Iterable[Location], names: Classes) -> dict[str, Any]:
    """Count rows in all, by class and by flag; score rows with a label of the survey.

    With two classes, the scores are of all labelled spectra with pixels, even where the model
    abstains: the margin tells what it would say. With more they are of those given a class. The
    driver reads four narrow columns in batches: memory does not depend on the number of spectra.

    Parameters
    ----------
    parts
        Parts of the table ``catalog``.
    names
        The model's classes.
    """
    classes: Counter[str] = Counter()
    flags = Counter(dict.fromkeys(FLAG_BITS, 0))
    k = len(names)
    counts = np.zeros((k, k), np.int64)
    for part in parts:
        for batch in open_part(part).iter_batches(columns=list(SUMMARISED)):
            for found in batch["class"].value_counts().to_pylist():
                classes[found["values"]] += found["counts"]
            for name, bit in FLAG_BITS.items():
                flags[name] += int(np.count_nonzero(batch["flags"].to_numpy() & (1 << bit)))
            called = pc.index_in(batch["class"], pa.array(names.names))
            if k == 2:
                called = pc.greater_equal(batch["margin"], 0.0).cast(pa.int32())
            scored = pc.and_(batch["label"].is_valid(), called.is_valid())
            counts += confusion(batch["label"].filter(scored), called.filter(scored), k)
    labelled = int(counts.sum())
    return {
        "spectra": classes.total(),
        "classes": dict(sorted(classes.items())),
        "flags": dict(flags),
        "against_labels": {
            "spectra": labelled,
            "confusion": counts.tolist(),
            **(classification_scores(counts) if labelled else {}),
        },
    }
