"""A basis of our own: learned from all spectra, and judged on spectra that it has not seen."""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.errors import UserError
from galspec_spark.report.style import style
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.warehouse.storage import Location, write_json
from studies.basis.broadening import to_coefficients, to_vectors
from studies.basis.correction import correct, fit_correction
from studies.basis.figures import h_beta
from studies.basis.learning import Effort, learn, principal
from studies.basis.response import Frame
from studies.basis.scores import Measured, agn_scores, measured, offsets
from studies.basis.stars import components, read_stars
from studies.basis.targets import Tolerances
from studies.basis.training import Training, read_training
from studies.basis.write import write_basis

#: Where SDSS's templates lie.
LOGLAM0, PIXELS = 3.6155, 2169
#: Lines with templates under them.
LINES = (
    "h_gamma", "oiii_4363", "heii_4686", "h_beta", "oiii_4959", "oiii_5007", "heii_5412", "oi_5577",
    "nii_5755", "hei_5876", "oi_6300", "siii_6312", "oi_6364", "nii_6548", "h_alpha", "nii_6583",
    "sii_6716", "sii_6731",
)  # fmt: skip
FRAME = Frame(LOGLAM0, PIXELS, LINES)

log = logging.getLogger(__name__)


def study_basis(
    spectra: Path,
    stars: Path,
    output: Path,
    *,
    folds: int,
    effort: Effort,
    tolerances: Tolerances | None = None,
) -> dict[str, Any]:
    """Learn from all, judge by folds of objects, write the basis, numbers and a figure.

    Raises
    ------
    UserError
        If there are too few spectra to learn from, too few objects for the folds, or too few stars.
    """
    tolerances = tolerances or Tolerances()
    start = to_coefficients(components(read_stars(stars, LOGLAM0, PIXELS)))
    training = read_training(spectra)
    fold = training.folds(max(folds, 1))
    if len(np.unique(fold)) < folds:
        raise UserError(f"{spectra} has too few objects for {folds} folds")
    output.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {
        "spectra": len(training),
        "objects": len(set(training.object_id.tolist())),
        "agn": int((training.subclass == "AGN").sum()),
        "stars": stars.name,
    }
    log.info("learning from all %d spectra", len(training))
    basis = _last(training, start, tolerances, effort)
    vectors = to_vectors(basis, PIXELS)
    write_basis(output / "basis.fits", vectors, LOGLAM0, training.key, numbers)
    seen = measured(training, FRAME.templates(basis))
    numbers["seen"] = {"agn": agn_scores(training, seen), "lines": offsets(training, seen)}
    if folds:
        numbers["held_out"] = _held_out(training, fold, start, tolerances, effort, output)
    write_json(Location.of(output / "basis.json"), numbers)
    return {
        "spectra": len(training),
        **{f"held_out_agn_f1_{k}": v["agn"]["f1"] for k, v in numbers.get("held_out", {}).items()},
        "basis": str(output / "basis.fits"),
    }


def _last(training: Training, start: Doubles, tolerances: Tolerances, effort: Effort) -> Doubles:
    """Return the basis after the last iteration."""
    (learned,) = deque(learn(training, start, FRAME, tolerances, effort), maxlen=1)
    return principal(learned.coefficients)


def _held_out(
    training: Training,
    fold: Array,
    start: Doubles,
    tolerances: Tolerances,
    effort: Effort,
    output: Path,
) -> dict[str, Any]:
    """Measure each fold with what was learned from the others; return scores, and draw them."""
    ways: dict[str, list[Measured]] = {"stars": [], "learned": [], "corrected": []}
    order = []
    for number in np.unique(fold):
        own, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        seen, unseen = training.take(others), training.take(own)
        log.info("fold %d: learning from %d spectra, for %d", number, len(others), len(own))
        learned = FRAME.templates(_last(seen, start, tolerances, effort))
        correction = fit_correction(seen, measured(seen, learned))
        found = measured(unseen, learned)
        log.info("fold %d: %s", number, agn_scores(unseen, found))
        ways["stars"].append(measured(unseen, FRAME.templates(start)))
        ways["learned"].append(found)
        ways["corrected"].append(correct(found, correction))
        order.append(own)
    in_order = training.take(np.concatenate(order))
    joined = {way: Measured.join(parts) for way, parts in ways.items()}
    with style():
        h_beta(in_order, joined["stars"], joined["learned"]).savefig(output / "h_beta.png")
    return {
        way: {
            "agn": agn_scores(in_order, found),
            "agn_by_fold": [
                agn_scores(training.take(rows), part)
                for rows, part in zip(order, ways[way], strict=True)
            ],
            "lines": offsets(in_order, found),
        }
        for way, found in joined.items()
    }
