"""Count, mean and scatter of many spectra, in one pass and in pieces that add up.

Scatter is the sum of outer products of the deviations from the mean, so that no precision is lost
to a large mean (Chan, Golub and LeVeque 1983, The American Statistician 37, 242, whose update is
applied here to blocks of rows). Moments of disjoint rows add, and moments of some of the rows can
be subtracted again, so one pass over the data gives the moments of every training fold.

Only the upper triangle leaves this module: in a file, or cut into row blocks.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyrk

from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.warehouse.storage import Location

BATCH_ROWS = 1000  # a batch of 2642 pixels in float64 takes 21 MB
BLOCK_ROWS = 256  # rows of the scatter matrix that travel together, at most 5.4 MB


@dataclass
class Moments:
    """Count, mean and scatter of rows; one matrix, whatever their number."""

    count: int
    mean: Doubles  #: (pixels,)
    scatter: Doubles  #: (pixels, pixels); symmetric, or its upper triangle while rows are added

    @classmethod
    def empty(cls, pixels: int) -> Moments:
        """Return the moments of no rows."""
        return cls(0, np.zeros(pixels), np.zeros((pixels, pixels)))

    def add(self, rows: Floats) -> None:
        """Add rows, shape (n, pixels), any float dtype; computed in float64."""
        for start in range(0, len(rows), BATCH_ROWS):
            self._add_batch(rows[start : start + BATCH_ROWS])

    def _add_batch(self, rows: Floats) -> None:
        n = len(rows)
        deviations = np.empty((n + 1, rows.shape[1]))
        mean = rows.mean(axis=0, dtype=np.float64)
        np.subtract(rows, mean, out=deviations[:n])
        # One more row accounts for the distance between the two means, within the same product.
        total = self.count + n
        deviations[n] = np.sqrt(self.count * n / total) * (mean - self.mean)
        # In place, and one triangle only: numpy would compute the full product, then add it.
        dsyrk(1.0, deviations.T, 1.0, self.scatter.T, lower=1, overwrite_c=1)
        self.mean += (mean - self.mean) * (n / total)
        self.count = total

    def plus(self, other: Moments) -> Moments:
        """Return the moments of these rows and others."""
        total = self.count + other.count
        distance = other.mean - self.mean
        scatter = np.outer(self.count * other.count / total * distance, distance)
        scatter += self.scatter
        scatter += other.scatter
        return Moments(total, self.mean + distance * (other.count / total), scatter)

    def minus(self, part: Moments) -> Moments:
        """Return the moments of these rows without a part of them, which must not be all."""
        rest = self.count - part.count
        mean = self.mean + (self.mean - part.mean) * (part.count / rest)
        distance = part.mean - mean
        scatter = np.outer(-(rest * part.count / self.count) * distance, distance)
        scatter += self.scatter
        scatter -= part.scatter
        return Moments(rest, mean, scatter)

    def save(self, place: Location) -> None:
        """Write the moments to a file: 28 MB for 2642 pixels."""
        content = io.BytesIO()
        triangle = np.concatenate([row[number:] for number, row in enumerate(self.scatter)])
        np.savez(content, count=self.count, mean=self.mean, triangle=triangle)
        place.write(content.getvalue())

    @classmethod
    def load(cls, place: Location) -> Moments:
        """Read what `save` wrote."""
        with np.load(io.BytesIO(place.read()), allow_pickle=False) as stored:
            moments = cls.empty(len(stored["mean"]))
            moments.count, moments.mean = int(stored["count"]), stored["mean"]
            triangle = stored["triangle"]
        first = 0
        for number in range(len(moments.mean)):
            end = first + len(moments.mean) - number
            row = triangle[first:end]
            moments.scatter[number, number:] = moments.scatter[number:, number] = row
            first = end
        return moments

    def blocks(self) -> Iterator[Block]:
        """Cut the upper triangle of the scatter matrix into blocks of rows."""
        for start in range(0, len(self.mean), BLOCK_ROWS):
            rows = self.scatter[start : start + BLOCK_ROWS, start:]
            yield Block(start, self.count, self.mean.copy(), np.ascontiguousarray(rows))


class FoldMoments:
    """Moments of arriving rows, by fold; holds one matrix and one batch for each fold."""

    def __init__(self) -> None:
        self.moments: dict[int, Moments] = {}
        self._waiting: dict[int, list[Floats]] = {}

    def add(self, fold: int, rows: Floats) -> None:
        """Add rows (n, pixels) of one fold, in batches: few rows would cost as much as many."""
        waiting = self._waiting.setdefault(fold, [])
        waiting.append(rows)
        if sum(map(len, waiting)) >= BATCH_ROWS:
            self._flush(fold)

    def _flush(self, fold: int) -> None:
        rows = np.concatenate(self._waiting.pop(fold))
        self.moments.setdefault(fold, Moments.empty(rows.shape[1])).add(rows)

    def finished(self) -> dict[int, Moments]:
        """Return the moments of each fold; nothing can be added afterwards."""
        for fold in list(self._waiting):
            self._flush(fold)
        return self.moments


@dataclass
class Block:
    """Rows of a scatter matrix from the diagonal on, with the moments needed to add others."""

    start: int  #: first row, and first column
    count: int
    mean: Doubles  #: (pixels,)
    scatter: Doubles  #: (rows, pixels - start)

    def merge(self, other: Block) -> Block:
        """Add the same block of other rows' scatter to this one, in place, and return it."""
        rows, total = len(self.scatter), self.count + other.count
        distance = (other.mean - self.mean)[self.start :]
        weight = self.count * other.count / total
        self.scatter += other.scatter
        self.scatter += np.outer(weight * distance[:rows], distance)
        self.mean += (other.mean - self.mean) * (other.count / total)
        self.count = total
        return self


def assemble(blocks: Iterable[Block]) -> dict[int, Moments]:
    """Assemble the blocks of one matrix, under the key 0; empty without blocks."""
    found: dict[int, Moments] = {}
    for block in blocks:
        whole = found.setdefault(0, Moments.empty(len(block.mean)))
        whole.count, whole.mean = block.count, block.mean
        stop = block.start + len(block.scatter)
        whole.scatter[block.start :, block.start : stop] = block.scatter.T
        whole.scatter[block.start : stop, stop:] = block.scatter[:, len(block.scatter) :]
        upper = np.triu(block.scatter[:, : len(block.scatter)])
        whole.scatter[block.start : stop, block.start : stop] = upper + np.triu(upper, 1).T
    return found


def checked(moments: dict[int, Moments], column: str) -> dict[int, Moments]:
    """Return moments by fold; raise a UserError without any, or if a value is not finite."""
    if not moments:
        raise UserError(f"no rows in column {column}: nothing to find components of")
    if not all(np.isfinite(of_fold.mean).all() for of_fold in moments.values()):
        raise UserError(f"NaN or infinite values in column {column}: components need finite values")
    return moments
