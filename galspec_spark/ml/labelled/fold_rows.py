"""The rows of a cross-validation as tasks read them: from files, with features for each fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class FoldRows:
    """Files of labelled rows; a row without a fold takes no part."""

    parts: Sequence[Location]
    label: str  #: column
    fold: str  #: column
    features: Sequence[str]  #: for each fold the column of features fitted without its rows
    all_features: str  #: column of the features fitted on all rows
    identifier: str | None = None  #: column
    classes: int = 2  #: how many there are

    def values(self) -> int:
        """Return the number of rows times that of features."""
        count = sum(open_part(part).metadata.num_rows for part in self.parts)
        first = next(open_part(self.parts[0]).iter_batches(1, columns=[self.all_features]))
        return int(count * len(first[self.all_features][0]))

    def training(self, fold: int | None) -> tuple[Doubles, Labels]:
        """Read features (n, k) and labels (n,) of all folds but one; None: of all."""
        column = self.all_features if fold is None else self.features[fold]
        found = [self._chosen(part, fold, column, held_out=False) for part in self.parts]
        features, labels, _ = zip(*found, strict=True)
        return np.concatenate(features), np.concatenate(labels)

    def held_out(self, fold: int) -> Iterator[tuple[Doubles, Labels, pa.Table]]:
        """Read features, labels and the other columns of a fold, file by file."""
        for part in self.parts:
            yield self._chosen(part, fold, self.features[fold], held_out=True)

    def _chosen(
        self, part: Location, fold: int | None, column: str, *, held_out: bool
    ) -> tuple[Doubles, Labels, pa.Table]:
        others = [self.label, self.fold, *([self.identifier] if self.identifier else [])]
        table = open_part(part).read([*others, column])
        is_fold = pc.equal(table[self.fold], -1 if fold is None else fold)
        chosen = table.filter(is_fold if held_out else pc.invert(is_fold)).combine_chunks()
        features = rows_of(chosen[column].combine_chunks()).astype(np.float64, copy=False)
        k = len(table[column][0]) if len(table) else 0
        labels = chosen[self.label].to_numpy().astype(np.int32)
        return features.reshape(len(chosen), k), labels, chosen.select(others)
