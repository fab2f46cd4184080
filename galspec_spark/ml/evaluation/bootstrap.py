"""Confidence intervals of scores, by a bootstrap over objects.

The spectra of one object are alike, so objects are drawn with replacement, not spectra. Objects
whose spectra have the same labels and predictions add the same to a confusion matrix, and such
kinds of objects are few. Only the number of draws of each kind matters, and it is multinomial.
10 million spectra with 12 decisions need 1 GB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.ml.evaluation.scores import score_arrays, scores_by_class
from galspec_spark.spectrum.arrays import Doubles

#: The scores that get an interval.
SCORES = (
    "precision", "recall", "f1", "agn_precision", "agn_recall", "agn_f1",
    "balanced_accuracy", "mcc",
)  # fmt: skip

#: Numbers drawn at once: 32 MB.
MAX_VALUES = 4_000_000

Numbers = npt.NDArray[np.number]
Intervals = dict[str, list[float] | None]


def bootstrap_intervals(
    predictions: pa.Table,
    prediction_columns: Sequence[str],
    k: int,
    replicates: int = 1000,
    seed: int = 1,
    probability: float = 0.95,
) -> dict[str, Intervals]:
    """Return percentile intervals of the scores of one or several models.

    The same objects are drawn for all models.

    Parameters
    ----------
    predictions
        Columns ``object_id``, ``label`` and each of the `prediction_columns`.
    k
        Number of classes.
    probability
        Coverage of the intervals.

    Returns
    -------
    dict
        For each prediction column and each of `SCORES`: lower and upper end. Replicates in which a
        score is undefined (no AGN was drawn) are left out; None if no replicate defines the score.
        ``f1_of_0``, ``f1_of_1``, ... are those of the F1 of each class.
    """
    decisions = {name: predictions[name].to_numpy() for name in prediction_columns}
    drawn = replicate_confusions(
        predictions["object_id"], predictions["label"].to_numpy(), decisions, k, replicates, seed
    )
    return {name: _intervals(counts, probability) for name, counts in drawn.items()}


def replicate_confusions(
    objects: pa.Array | pa.ChunkedArray,
    labels: Numbers,
    decisions: Mapping[str, Numbers],
    k: int,
    replicates: int,
    seed: int,
) -> dict[str, Doubles]:
    """Return the confusion matrix of each decision in each replicate, (replicates, k, k).

    Parameters
    ----------
    objects
        Identifiers, (n,).
    labels, decisions
        True and predicted classes, (n,); the draws do not depend on the order of the rows.
    """
    objects_of_kind, cells_of_kind = _kinds(objects, labels, list(decisions.values()), k)
    total = objects_of_kind.sum()
    random = np.random.default_rng(seed)
    at_once = max(1, MAX_VALUES // len(objects_of_kind))
    counts = [
        random.multinomial(total, objects_of_kind / total, size=min(at_once, replicates - first))
        @ cells_of_kind
        for first in range(0, replicates, at_once)
    ]
    matrices = np.concatenate(counts).reshape(replicates, len(decisions), k, k)
    return {name: matrices[:, i] for i, name in enumerate(decisions)}


def _kinds(
    objects: pa.Array | pa.ChunkedArray, labels: Numbers, decisions: Sequence[Numbers], k: int
) -> tuple[npt.NDArray[np.int64], Doubles]:
    """Return the number of objects of each kind, and the counts that each adds to all cells."""
    spectra, kind = _kinds_of_spectra(labels, decisions, k)
    number = pa.chunked_array(objects).combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((kind, number))
    kind = kind[order]
    _, first, sizes = np.unique(number[order], return_index=True, return_counts=True)
    counts, cells = [], []
    for size in np.unique(sizes):
        members = kind[first[sizes == size][:, None] + np.arange(size)]
        found, count = np.unique(members, axis=0, return_counts=True)
        counts.append(count)
        cells.append(spectra[found].sum(axis=1))
    return np.concatenate(counts), np.concatenate(cells)


def _kinds_of_spectra(
    labels: Numbers, decisions: Sequence[Numbers], k: int
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return the cells (kinds, cells) of each kind of spectrum, and the kind of each spectrum."""
    _, first, kind = np.unique(labels, return_index=True, return_inverse=True)
    for decision in decisions:  # kinds are numbered anew, lest k**decisions is beyond 64 bits
        _, first, kind = np.unique(
            k * kind + decision.astype(np.int64), return_index=True, return_inverse=True
        )
    digits = np.stack([labels[first], *(decision[first] for decision in decisions)], axis=1)
    cell = k * digits[:, :1] + digits[:, 1:]
    is_in_cell = cell[:, :, None] == np.arange(k * k)
    return is_in_cell.reshape(len(first), -1).astype(np.float64), kind


def _intervals(counts: Doubles, probability: float) -> Intervals:
    tail = (1 - probability) / 2
    intervals: Intervals = {}
    scores = score_arrays(counts)
    of_class = np.moveaxis(scores_by_class(counts)["f1"], -1, 0)
    scores |= {f"f1_of_{label}": each for label, each in enumerate(of_class)}
    for name in (*SCORES, *(f"f1_of_{label}" for label in range(len(of_class)))):
        defined = scores[name][~np.isnan(scores[name])]
        ends = np.quantile(defined, [tail, 1 - tail]).tolist() if defined.size else None
        intervals[name] = ends
    return intervals
