"""Label spectra whose labels are known, a round at a time: by the queue, and at random.

Each seed holds out some objects to test with. The others are a pool without labels, of which a few
spectra, drawn at random, get theirs. In each round a logistic regression learns from the labelled
spectra, and some more are chosen: by the product's own priority, or at random. All choices begin
with the same labels and are tested on the same spectra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import f1_score

from galspec_spark.ml.classifiers.linear_fit import fit_logistic
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.profile import learn_profile
from galspec_spark.queue.priority import Integers, near_margin, outside, take_turns
from galspec_spark.spectrum.arrays import Doubles, rows_of

#: Share of the objects that test, and of the spectra that make the pool: nearly all others, so that
#: it has the same size whatever objects test.
TEST, POOL = 0.3, 0.65
#: Labels to begin with; more until this many of each class are among them.
START, LEAST = 30, 2
#: Each round makes so many times as many labels.
GROWTH = 1.15
REGRESSION = {"regParam": 1e-3, "standardization": True, "fitIntercept": True}
#: Probability from which a spectrum is called AGN.
THRESHOLD = 0.5
#: How spectra are chosen. The queue's third reason, a formula that disagrees, is not simulated: the
#: labels are that formula.
RANDOM, QUEUE, NEAR = "at random", "queue", "near the margin alone"
CHOICES = (RANDOM, QUEUE, NEAR)

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spectra:
    """Labelled spectra, n of them."""

    rows: pa.Table  #: ``z``, ``sn_median``, ``coverage``, ``reconstruction_error``, ``features``
    features: Doubles  #: (n, k)
    labels: npt.NDArray[np.int32]
    objects: Integers  #: from 0

    @classmethod
    def of(cls, table: pa.Table, features: str) -> Spectra:
        """Read the columns of a feature table, of which `features` has the features."""
        columns = ["z", "sn_median", "coverage", RECONSTRUCTION_ERROR]
        rows = table.select([*columns, features]).rename_columns([*columns, "features"])
        objects = table["object_id"].combine_chunks().dictionary_encode().indices
        return cls(
            rows.combine_chunks(),
            rows_of(table[features].combine_chunks()).astype(np.float64),
            table["label"].to_numpy(),
            objects.to_numpy().astype(np.int64),
        )


def checkpoints(pool: int) -> list[int]:
    """Return the numbers of labels after each round: at last the whole pool."""
    rounds = int(np.log(pool / START) / np.log(GROWTH))
    return [*(int(START * GROWTH**k) for k in range(rounds + 1)), pool]


def simulate(spectra: Spectra, choice: str, seed: int) -> tuple[list[int], list[float]]:
    """Label until the pool is empty; return the numbers of labels, and F1 of AGN at each."""
    random = np.random.default_rng(seed)
    is_test = (random.random(spectra.objects.max() + 1) < TEST)[spectra.objects]
    order = random.permutation(np.flatnonzero(~is_test))[: int(len(is_test) * POOL)]
    labelled = np.zeros(len(is_test), np.bool_)
    labelled[order[: _start(spectra.labels[order])]] = True
    numbers, scores = [], []
    for number in checkpoints(len(order)):
        while labelled.sum() < number:
            chosen = _choose(spectra, choice, labelled, order, number - int(labelled.sum()))
            labelled[chosen] = True
        model = fit_logistic(spectra.features[labelled], spectra.labels[labelled], REGRESSION)
        called = model.score(spectra.features[is_test]) >= THRESHOLD
        numbers.append(int(labelled.sum()))
        scores.append(float(f1_score(spectra.labels[is_test], called, zero_division=0)))
    return numbers, scores


def _start(labels: npt.NDArray[np.int32]) -> int:
    """Return how many labels to begin with."""
    return max(START, *(int(np.flatnonzero(labels == c)[LEAST - 1]) + 1 for c in (0, 1)))


def _choose(
    spectra: Spectra, choice: str, labelled: Booleans, order: Integers, number: int
) -> Integers:
    """Return spectra of the pool to label next, at most so many and at least one."""
    waiting = order[~labelled[order]]
    if choice == RANDOM:
        return waiting[:number]
    model = fit_logistic(spectra.features[labelled], spectra.labels[labelled], REGRESSION)
    scores = [near_margin(model.score(spectra.features[waiting]) - THRESHOLD)]
    if choice == QUEUE:
        profile = learn_profile(spectra.rows.filter(pa.array(labelled)), _names(spectra))
        rows = spectra.rows.take(pa.array(waiting))
        seen = ("z", "sn_median", "coverage", RECONSTRUCTION_ERROR)
        scores.append(outside(profile, *(_doubles(rows[name]) for name in seen)))
    chosen, _ = take_turns(np.stack(scores, axis=1), spectra.objects[waiting], number)
    return waiting[chosen]


def _names(spectra: Spectra) -> list[str]:
    return [str(number) for number in range(spectra.features.shape[1])]


def _doubles(values: pa.ChunkedArray) -> Doubles:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
