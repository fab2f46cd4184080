"""Counts of spectra that are used and left out."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.preprocess.person_labels import PERSON
from galspec_spark.preprocess.selection import REASONS
from galspec_spark.spectrum.grid import GRID_ID

#: Sigmas beyond which chance does not explain the share of AGN of a split or fold.
IMBALANCE = 4.0

log = logging.getLogger(__name__)


def summarise(rows: pa.Table, config: PreprocessConfig) -> dict[str, Any]:
    """Count spectra, and warn of splits that would harm a classifier.

    Parameters
    ----------
    rows
        Rows of the table ``sample``.

    Raises
    ------
    UserError
        If no spectrum is used.
    """
    left_out = {
        reason: count
        for reason in REASONS
        if (count := pc.sum(pc.equal(rows["reason"], reason)).as_py())
    }
    selected = rows["reason"].null_count
    if not selected:
        why = ", ".join(f"{n} {reason} ({REASONS[reason]})" for reason, n in left_out.items())
        raise UserError(f"none of the spectra can be used: {why}")
    labelled = rows.filter(pc.is_valid(rows["split"]))
    classes = config.label.classes
    label = labelled["label"].to_numpy()
    is_agn = label == classes.positive
    is_test = pc.equal(labelled["split"], "test").to_numpy()
    fold = pc.fill_null(labelled["fold"], -1).to_numpy()
    folds = [
        {"fold": k, "spectra": int((fold == k).sum()), "agn": int((is_agn & (fold == k)).sum())}
        for k in range(config.folds)
    ]
    summary = {
        "spectra": len(rows),
        "selected": selected,
        "left_out": left_out,
        "labelled": len(labelled),
        "labelled_by_person": _count(pc.equal(labelled["label_source"], PERSON)),
        "classes": dict(
            zip(
                classes.names,
                np.bincount(label, minlength=len(classes)).tolist(),
                strict=True,
            )
        ),
        "unlabelled": selected - len(labelled),
        "objects": pc.count_distinct(labelled["object_id"]).as_py(),
        "train": int((~is_test).sum()),
        "train_agn": int((~is_test & is_agn).sum()),
        "test": int(is_test.sum()),
        "test_agn": int((is_test & is_agn).sum()),
        "folds": folds,
        "grid": GRID_ID,
    }
    _log(summary, config)
    by_person = _count(pc.equal(rows["label_source"], PERSON))
    if by_person > summary["labelled_by_person"]:
        log.warning(
            "%d spectra with a person's label are left out all the same: the column reason of the "
            "table sample says why",
            by_person - summary["labelled_by_person"],
        )
    return summary


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _log(summary: dict[str, Any], config: PreprocessConfig) -> None:
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in summary["left_out"].items())
    selected = f"{summary['selected']:,}"
    log.info("preprocess: %s spectra are used; left out: %s", selected, left_out or "none")
    folds = summary["folds"]
    if any(fold["agn"] in (0, fold["spectra"]) for fold in folds):
        log.warning(
            "a fold has one class only; use fewer folds (preprocess.folds=%d)", config.folds
        )
    if config.sample is not None and summary["labelled"] < config.sample:
        log.warning(
            "only %d of preprocess.sample=%d spectra can be drawn",
            summary["labelled"],
            config.sample,
        )
    share = (summary["train_agn"] + summary["test_agn"]) / max(summary["labelled"], 1)
    groups = {f"fold {fold['fold']}": (fold["agn"], fold["spectra"]) for fold in folds}
    for name, (agn, count) in {"test": (summary["test_agn"], summary["test"]), **groups}.items():
        sigma = np.sqrt(max(count * share * (1 - share), 1e-9))
        if abs(agn - count * share) > IMBALANCE * sigma:
            log.warning(
                "%s has %d AGN of %d spectra, %.1f%% elsewhere", name, agn, count, 100 * share
            )
