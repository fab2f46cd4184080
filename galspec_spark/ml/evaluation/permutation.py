"""Permutation importance: how far a model's scores drop when one feature is shuffled.

Breiman (2001, Machine Learning 45, 5): shuffle one feature among the test rows, predict again, and
measure the drop. Unlike a forest's own importance, it means the same for every model, and comes
from rows that the model was not fitted to. scikit-learn's own function predicts once for each copy
of the rows, and for Spark's models each prediction is a job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Doubles

#: Values in memory at once: 32 MB.
MAX_VALUES = 4_000_000

Numbers = npt.NDArray[np.number]
#: From features (n, k) to predictions (n,) and to scores (n,) that rank the rows.
Predict = Callable[[Doubles], tuple[Numbers, Numbers]]


def permutation_importance(
    predict: Predict,
    features: Doubles,
    labels: Numbers,
    selected: Sequence[int],
    repeats: int = 5,
    seed: int = 1,
) -> list[dict[str, float]]:
    """Return how far scores of the AGN class drop when a feature is shuffled.

    Parameters
    ----------
    predict
        Called with as many copies of the rows at once as `MAX_VALUES` allows.
    features, labels
        Shapes (n, k) and (n,); labels are 0 or 1.
    selected
        Index among all features of each column of `features`.

    Returns
    -------
    list of dict
        For each feature in the given order: ``feature``, its index; ``f1_drop`` and
        ``pr_auc_drop``, the mean over the repeats of how far F1 and average precision of AGN fall;
        and ``f1_sd`` and ``pr_auc_sd``, their standard deviations over the repeats.
    """
    if labels.min() == labels.max():
        raise ValueError("rows of one class only: no score can drop")
    shuffled = list(product(range(len(selected)), range(repeats)))
    scores = [_score(labels, *predict(features))]
    at_once = max(1, MAX_VALUES // features.size)
    for first in range(0, len(shuffled), at_once):
        chunk = shuffled[first : first + at_once]
        copies = [_copy(features, position, repeat, seed) for position, repeat in chunk]
        predictions, ranks = (np.split(e, len(chunk)) for e in predict(np.concatenate(copies)))
        scores += [_score(labels, *each) for each in zip(predictions, ranks, strict=True)]
    drops = (scores[0] - np.array(scores[1:])).reshape(len(selected), repeats, 2)
    return [
        {
            "feature": feature,
            "f1_drop": float(drop[:, 0].mean()),
            "f1_sd": float(drop[:, 0].std()),
            "pr_auc_drop": float(drop[:, 1].mean()),
            "pr_auc_sd": float(drop[:, 1].std()),
        }
        for feature, drop in zip(selected, drops, strict=True)
    ]


def _copy(features: Doubles, position: int, repeat: int, seed: int) -> Doubles:
    """Return the rows with one feature shuffled."""
    values = features.copy()
    random = np.random.default_rng([seed, position, repeat])
    values[:, position] = random.permutation(values[:, position])
    return values


def _score(labels: Numbers, predictions: Numbers, scores: Numbers) -> Doubles:
    """Return F1 and average precision of AGN."""
    from sklearn.metrics import average_precision_score, f1_score

    return np.array([f1_score(labels, predictions), average_precision_score(labels, scores)])
