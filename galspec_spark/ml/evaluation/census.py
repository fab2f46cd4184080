"""Census of the splits: whether classifiers can be trained on them, and whether anything leaks.

All of it comes from one narrow table, a row for each spectrum: ``spectrum_id``, ``object_id``,
``survey``, ``release``, ``simulated``, ``reason``, ``label``, ``split`` and ``fold``. 10 million
rows take 1 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.scores import classification_scores

#: Columns of the table.
MEMBERSHIP = (
    "spectrum_id", "object_id", "survey", "release", "simulated", "reason", "label", "split",
    "fold",
)  # fmt: skip
#: Rows hashed at once.
BATCH_ROWS = 100_000
REMEDY = "scores would be too good: remove the table restframe and preprocess again"


@dataclass(frozen=True)
class Census:
    """Counts of spectra."""

    groups: pd.DataFrame  #: count by survey, release, simulated, reason, label, split and fold
    objects: int  #: in the splits
    classes: Classes

    @classmethod
    def take(cls, members: pa.Table, classes: Classes) -> Census:
        """Count the rows of the narrow table."""
        keys = ["survey", "release", "simulated", "reason", "label", "split", "fold"]
        groups = members.group_by(keys).aggregate([([], "count_all")]).to_pandas()
        objects = pc.count_distinct(_used(members)["object_id"]).as_py()
        return cls(groups.rename(columns={"count_all": "count"}), objects, classes)

    def count(self, **values: object) -> int:
        """Return the number of spectra with the given values in the named columns."""
        chosen = self.groups
        for column, value in values.items():
            chosen = chosen[chosen[column] == value]
        return int(chosen["count"].sum())

    @property
    def folds(self) -> int:
        """Number of folds of the training split."""
        folds = self.groups["fold"].dropna()
        return 0 if folds.empty else int(folds.max()) + 1

    def data(self) -> str:
        """Return the surveys and releases, for example ``sdss dr14``."""
        pairs = self.groups[["survey", "release"]].drop_duplicates()
        return ", ".join(sorted(f"{survey} {release}" for survey, release in pairs.to_numpy()))

    def left_out(self) -> dict[str, int]:
        """Return how many spectra were left out for each reason."""
        by_reason = self.groups.dropna(subset="reason").groupby("reason")["count"].sum()
        return {str(reason): int(n) for reason, n in by_reason.items()}

    def counts(self) -> dict[str, int]:
        """Return the counts of ``metrics.json`` that come from this table."""
        splits = {split: self.count(split=split) for split in ("train", "test")}
        agn = {
            f"{split}_agn": self.count(split=split, label=self.classes.positive) for split in splits
        }
        total = int(self.groups["count"].sum())
        return {
            "spectra": total,
            "simulated": self.count(simulated=True),
            "selected": total - sum(self.left_out().values()),
            "labelled": sum(splits.values()),
            **splits,
            **agn,
            "objects": self.objects,
            "folds": self.folds,
        }

    def majority_f1(self) -> float:
        """Return the weighted F1 of giving every test spectrum the commonest class but AGN."""
        k = len(self.classes)
        counts = np.zeros((k, k), np.int64)
        true = [self.count(split="test", label=label) for label in range(k)]
        counts[:, np.argmax(true[:-1])] = true
        f1: float = classification_scores(counts)["f1"]
        return f1

    def check(self) -> None:
        """Check that classifiers can be trained and tested.

        Raises
        ------
        UserError
            If a split or fold lacks a class, or there are too few spectra.
        """
        rows = self.count(split="train")
        for split in ("train", "test"):
            self._check_classes(f"the {split} split", "ingest more spectra", split=split)
        if not 2 <= self.folds <= rows:
            raise UserError(
                f"{rows} training spectra in {self.folds} folds: cross-validation needs at least 2 "
                "folds and a spectrum in each; ingest more spectra or preprocess with fewer folds"
            )
        for fold in range(self.folds):
            todo = f"preprocess with fewer than {self.folds} folds (preprocess.folds)"
            self._check_classes(f"fold {fold}", todo, split="train", fold=fold)

    def _check_classes(self, where: str, todo: str, **values: Any) -> None:
        for label, name in enumerate(self.classes.names):
            if self.count(label=label, **values) == 0:
                raise UserError(
                    f"{where} has no spectrum of class {name} (label {label}), and training needs "
                    f"{'both classes' if len(self.classes) == 2 else 'every class'}: {todo}"
                )


def audit_leakage(members: pa.Table) -> None:
    """Check that no object is in two splits or folds, and no spectrum is in the splits twice.

    Rows without a split are ignored.

    Raises
    ------
    UserError
        If an object or a spectrum is.
    """
    used = _used(members)
    places = used.group_by(["object_id", "split", "fold"]).aggregate([])
    divided = _more_than_once(places, "object_id")
    if divided:
        found = places.filter(pc.equal(places["object_id"], divided[0])).to_pylist()
        where = sorted(_place(row["split"], row["fold"]) for row in found)
        raise UserError(
            f"objects in more than one split or fold: {len(divided)}, for example {divided[0]} "
            f"({', '.join(where)}); {REMEDY}"
        )
    repeated = _more_than_once(used, "spectrum_id")
    if repeated:
        times = pc.sum(pc.equal(used["spectrum_id"], repeated[0])).as_py()
        raise UserError(
            f"spectra more than once in the splits: {len(repeated)}, for example {repeated[0]} "
            f"({times} times); {REMEDY}"
        )


def fingerprint(members: pa.Table) -> str:
    """Return 16 hexadecimal digits that depend on which spectra, labels and splits are used."""
    value = np.uint64(0)
    used = _used(members).select(["spectrum_id", "label", "split", "fold"])
    for batch in used.to_batches(BATCH_ROWS):
        rows = batch.to_pandas().astype({"label": float, "fold": float})
        value ^= np.bitwise_xor.reduce(pd.util.hash_pandas_object(rows, index=False).to_numpy())
    return f"{value:016x}"


def _used(members: pa.Table) -> pa.Table:
    return members.filter(pc.is_valid(members["split"]))


def _more_than_once(rows: pa.Table, column: str) -> list[str]:
    """Return the values found in more than one row, in order."""
    counts = rows.group_by(column).aggregate([([], "count_all")])
    return sorted(counts.filter(pc.greater(counts["count_all"], 1))[column].to_pylist())


def _place(split: str, fold: int | None) -> str:
    return split if fold is None else f"{split} fold {fold}"
