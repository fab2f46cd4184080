"""Count, mean and scatter of many spectra, in one pass and in pieces that add up.

Scatter is the sum of outer products of the deviations from the mean, so that no precision is lost
to a large mean (Chan, Golub and LeVeque 1983, The American Statistician 37, 242, whose update is
applied here to blocks of rows). Only the upper triangle leaves this module, cut into row blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

BATCH_ROWS = 1000  # 2642 pixels in float64 make 21 MB of a batch
BLOCK_ROWS = 256  # rows of the scatter matrix that travel together, at most 5.4 MB


class Moments:
    """Count, mean and scatter of the rows seen so far; holds one matrix, whatever their number.

    Parameters
    ----------
    pixels
        Number of columns.
    """

    def __init__(self, pixels: int) -> None:
        self.count = 0
        self.mean: Doubles = np.zeros(pixels)
        self.scatter: Doubles = np.zeros((pixels, pixels))

    def add(self, rows: Floats) -> None:
        """Add rows, shape (n, pixels), any float dtype; computed in float64."""
        for start in range(0, len(rows), BATCH_ROWS):
            self._add_batch(rows[start : start + BATCH_ROWS])

    def _add_batch(self, rows: Floats) -> None:
        n = len(rows)
        deviations = np.empty((n + 1, rows.shape[1]))
        mean = rows.mean(axis=0, dtype=np.float64)
        np.subtract(rows, mean, out=deviations[:n])
        # One row more accounts for the distance between the two means, within the same product.
        total = self.count + n
        deviations[n] = np.sqrt(self.count * n / total) * (mean - self.mean)
        self.scatter += deviations.T @ deviations
        self.mean += (mean - self.mean) * (n / total)
        self.count = total

    def blocks(self) -> Iterator[Block]:
        """Cut the upper triangle of the scatter matrix into blocks of rows."""
        for start in range(0, len(self.mean), BLOCK_ROWS):
            rows = self.scatter[start : start + BLOCK_ROWS, start:]
            yield Block(start, self.count, self.mean.copy(), np.ascontiguousarray(rows))


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


def assemble(blocks: Iterable[Block]) -> tuple[int, Doubles, Doubles]:
    """Put all blocks together.

    Returns
    -------
    count : int
    mean : float64 (pixels,)
    scatter : float64 (pixels, pixels), symmetric
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        if not count:
            count, mean = block.count, block.mean
            scatter = np.zeros((len(mean), len(mean)))
        stop = block.start + len(block.scatter)
        scatter[block.start : stop, block.start :] = block.scatter
    upper = np.triu(scatter, 1)
    return count, mean, np.triu(scatter) + upper.T
