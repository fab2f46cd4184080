"""The figures that a training report shows first, and what must be said beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.ml.evaluation.scores import against_rest
from galspec_spark.ml.features import FEATURES


@dataclass(frozen=True)
class AgnCounts:
    """How many AGN of the test split were found and missed, and others called AGN."""

    found: int
    wrong: int
    missed: int

    @property
    def agn(self) -> int:
        """All AGN."""
        return self.found + self.missed

    @property
    def called(self) -> int:
        """All that were called AGN."""
        return self.found + self.wrong

    def in_words(self) -> str:
        """Return the counts as text."""
        found = f"{self.found:,} of {self.agn:,} AGN found"
        return f"{found}, {self.missed:,} missed, {self.wrong:,} wrong"


def agn_counts(confusion: tuple[tuple[int, ...], ...]) -> AgnCounts:
    """Return the counts of a confusion matrix, of `Result` or of its threshold."""
    (_, wrong), (missed, found) = against_rest(np.array(confusion))
    return AgnCounts(int(found), int(wrong), int(missed))


def best_of_pixels(metrics: Metrics) -> Result | None:
    """Return the best result that saw no measured line, by cross-validation.

    None where it is the saved model itself, or there is none.
    """
    if not FEATURES[metrics.best_result.kind].line_columns:
        return None
    found = [each for each in metrics.results if not FEATURES[each.kind].line_columns]
    return max(found, key=lambda each: each.cv_agn_f1 or 0.0, default=None)


def by_construction(metrics: Metrics) -> str:
    """Return why the formula's figure is no measure; empty where no result rests on lines."""
    if not any(FEATURES[result.kind].line_columns for result in metrics.results):
        return ""
    has_formula = any(FEATURES[result.kind].classifier for result in metrics.results)
    its = "SDSS’s formula makes the label from four lines"
    if metrics.counts.simulated:
        text = (
            f"{its}, and in simulated data these are lines that the package’s own templates "
            "measure: an F1 of 1 of the formula is so by construction and says nothing of real "
            "galaxies."
        )
    else:
        text = (
            f"{its}: on lines measured with SDSS’s own templates the formula gives that label by "
            "construction, and on others it tells how near the lines come to SDSS’s."
        )
    rest = "Classifiers of lines learn from what the label was made of."
    return f"{text} {rest}" if has_formula else f"{its}. {rest}"
