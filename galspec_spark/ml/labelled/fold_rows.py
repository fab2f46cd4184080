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
        """Read features (n, k) and labels (n,) of all folds but one; None: of all.

        No more than a row group is in memory beside them.
        """
        column = self.all_features if fold is None else self.features[fold]
        folds = pa.chunked_array([t[self.fold].combine_chunks() for t in self._tables([])])
        count = pc.sum(self._is_outside(folds, fold)).as_py()
        features, labels = np.empty((0, 0)), np.empty(count, np.int32)
        first = 0
        for table in self._tables([self.label, column]):
            chosen = table.filter(self._is_outside(table[self.fold], fold))
            if not len(chosen):
                continue
            values = _matrix(chosen[column])
            if first == 0:
                features = np.empty((count, values.shape[1]))
            rows = slice(first, first + len(chosen))
            features[rows], labels[rows] = values, chosen[self.label]
            first = rows.stop
        return features, labels

    def held_out(self, fold: int) -> Iterator[tuple[Doubles, Labels, pa.Table]]:
        """Read features, labels and the other columns of a fold, a row group at a time."""
        column = self.features[fold]
        others = [self.label, self.fold, *([self.identifier] if self.identifier else [])]
        for table in self._tables([*others, column]):
            chosen = table.filter(pc.equal(table[self.fold], fold))
            if len(chosen):
                labels = chosen[self.label].to_numpy().astype(np.int32)
                yield _matrix(chosen[column]), labels, chosen.select(others)

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read the folds and other columns, a row group at a time."""
        for part in self.parts:
            for table in open_part(part).row_groups(list(dict.fromkeys([self.fold, *columns]))):
                if len(table):
                    yield table

    @staticmethod
    def _is_outside(folds: pa.ChunkedArray, fold: int | None) -> pa.ChunkedArray:
        """Return which rows are of another fold; null for those of none."""
        return pc.not_equal(folds, -1 if fold is None else fold)


def _matrix(lists: pa.ChunkedArray) -> Doubles:
    """Return lists of one length as a matrix (n, k)."""
    return rows_of(lists.combine_chunks()).astype(np.float64, copy=False)
