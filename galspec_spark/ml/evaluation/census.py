"""What the ``restframe`` table holds, and whether classifiers can be trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.spectrum.grid import PIXELS

CLASS_NAMES = {0: "other", 1: "AGN"}


@dataclass(frozen=True)
class Census:
    """Counts of a ``restframe`` table."""

    groups: pd.DataFrame  #: count by survey, release, reason, label, split and fold
    objects: int  #: in the splits

    @classmethod
    def take(cls, restframe: DataFrame) -> Census:
        """Count; the driver gets one row for each combination of the few values."""
        keys = ("survey", "release", "reason", "label", "split", "fold")
        groups = restframe.groupBy(*keys).count().toPandas()
        objects = restframe.where("split is not null").select("object_id").distinct().count()
        return cls(groups, objects)

    def count(self, **values: object) -> int:
        """Return the number of spectra where each of the named columns has the given value."""
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
        """Return the counts of ``metrics.json`` that this table knows."""
        splits = {split: self.count(split=split) for split in ("train", "test")}
        agn = {f"{split}_agn": self.count(split=split, label=1) for split in splits}
        total = int(self.groups["count"].sum())
        return {
            "spectra": total,
            "selected": total - sum(self.left_out().values()),
            "labelled": sum(splits.values()),
            **splits,
            **agn,
            "objects": self.objects,
            "folds": self.folds,
        }

    def majority_f1(self) -> float:
        """Return the weighted F1 of calling every test spectrum other."""
        counts = [[self.count(split="test", label=label), 0] for label in CLASS_NAMES]
        f1: float = classification_scores(np.array(counts))["f1"]
        return f1

    def check(self, components: int) -> None:
        """Make sure that classifiers can be trained and tested on that many components.

        Raises
        ------
        UserError
            If a class is missing in a split or a fold, or there are too few spectra.
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
        most = min(rows, PIXELS)
        if components > most:
            raise UserError(
                f"{components} components of {rows} training spectra with {PIXELS} pixels: "
                f"set train.components to {most} or less"
            )

    def _check_classes(self, where: str, todo: str, **values: Any) -> None:
        for label, name in CLASS_NAMES.items():
            if self.count(label=label, **values) == 0:
                raise UserError(
                    f"{where} has no spectrum of class {name} (label {label}), and training needs "
                    f"both classes: {todo}"
                )
