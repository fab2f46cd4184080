"""The figures in words, with their key numbers, for readers who cannot see them."""

from __future__ import annotations

import numpy as np

from galspec_spark.ml.evaluation.metrics import Result
from galspec_spark.ml.evaluation.scores import against_rest
from galspec_spark.report.bins import QUANTITIES, bin_range, binned
from galspec_spark.report.contents import (
    TrainingReport,
    all_results,
    chosen_trial,
    classifiers,
    feature_label,
    losses,
    marked_text,
    ordered_results,
    searched,
    seen_note,
    shown_kind,
    shown_record,
    title,
    with_all_features,
)
from galspec_spark.report.importance import peaks_by_line
from galspec_spark.report.label import range_text
from galspec_spark.report.spectra import SHOWN
from galspec_spark.report.text import decimals, duration, integer
from galspec_spark.report.times import seconds_text, timed


def flow(report: TrainingReport) -> str:
    """Describe the flow."""
    counts, best = report.metrics.counts, report.metrics.best_result
    kind, record = shown_kind(report.metrics), shown_record(report.metrics)
    return (
        f"Six steps from left to right: {integer(counts.files)} files, {counts.spectra:,} spectra, "
        f"{counts.labelled:,} labelled galaxies in the rest frame, "
        f"{len(record.names)} {title(kind)}, {len(classifiers(report.metrics))} classifiers, and "
        f"the result: F1 of the AGN class {decimals(best.agn_f1, 3)}, weighted F1 "
        f"{decimals(best.f1, 3)}. Below, what was left out "
        f"({integer(sum(losses(report.metrics).values()))} in all) and the split into "
        f"{counts.train:,} for training and {counts.test:,} for the test."
    )


def kinds(report: TrainingReport) -> str:
    """Describe the scores by kind of features."""
    metrics = report.metrics
    scores = "; ".join(
        f"{title(result.classifier)}, {marked_text(metrics, result)}: "
        f"{decimals(result.agn_f1, 3)}, cross-validated {decimals(result.cv_agn_f1, 3)}"
        for result in all_results(metrics)
    )
    text = f"F1 of the AGN class by kind of features and classifier. {scores}."
    return f"{text} {seen_note(metrics)}".rstrip()


def curves(report: TrainingReport) -> str:
    """Describe the curves."""
    areas = "; ".join(
        f"{title(result.classifier)}, {result.features}: {decimals(result.roc_auc, 3)} and "
        f"{decimals(result.pr_auc, 3)}"
        for result in ordered_results(report.metrics)
    )
    return f"ROC curves and precision-recall curves. Areas under the two: {areas}."


def confusion_matrices(report: TrainingReport) -> str:
    """Describe the confusion matrices."""
    cells = []
    for result in ordered_results(report.metrics):
        (_, wrong), (missed, found) = against_rest(np.array(result.confusion))
        cells.append(
            f"{title(result.classifier)}, {result.features}: {found:,} AGN found, "
            f"{missed:,} missed, {wrong:,} others called AGN{_f1_of_each(report, result)}"
        )
    return f"Confusion matrices. {'; '.join(cells)}."


def _f1_of_each(report: TrainingReport, result: Result) -> str:
    """Return the F1 of each class as text; empty with two classes."""
    if len(report.metrics.classes) == 2:
        return ""
    scores = (f"{name} {decimals(each.f1, 2)}" for name, each in result.by_class.items())
    return f"; F1 of each class: {', '.join(scores)}"


def reliability(report: TrainingReport) -> str:
    """Describe the reliability of the probabilities."""
    scores = [
        f"{title(result.classifier)}, {result.features}: Brier score "
        f"{decimals(result.calibration.brier, 3)}, skill "
        f"{decimals(result.calibration.brier_skill, 2)}"
        for result in ordered_results(report.metrics)
    ]
    return (
        "Share of AGN among the spectra against their calibrated probability, with counts below. "
        f"{'; '.join(scores)}."
    )


def coverage_by_sn(report: TrainingReport) -> str:
    """Describe the coverage of the prediction sets by S/N."""
    sentences = []
    for result in with_all_features(report.metrics).values():
        bins = result.prediction_sets.sn_median
        shares = "; ".join(
            f"{name} {', '.join(decimals(each.of(name.lower()).share, 2) for each in bins)}"
            for name in reversed(report.metrics.classes)
        )
        sentences.append(f"{title(result.classifier)}: {shares}.")
    ranges = ", ".join(map(bin_range, report.metrics.best_result.prediction_sets.sn_median))
    return (
        "Share of the spectra of each class with the class in their prediction set, by "
        f"{QUANTITIES['sn_median']} {ranges}. {' '.join(sentences)}"
    )


def label_agreement(report: TrainingReport) -> str:
    """Describe how far the label agrees with itself."""
    noise = report.metrics.label_noise
    assert noise is not None
    predicted, by_sn = (
        "; ".join(f"{range_text(each)}: {each.same:,} of {each.pairs:,}" for each in bins)
        for bins in (noise.by_survival, noise.by_h_beta_sn)
    )
    return (
        "Pairs of observations of one object with the same label, by its predicted probability: "
        f"{predicted}; by the S/N of Hβ: {by_sn}."
    )


def scores_by_bin(report: TrainingReport) -> str:
    """Describe the scores by bins."""
    sentences = []
    for name, bins in binned(report).items():
        ranges = ", ".join(map(bin_range, bins))
        scores = [
            f"{title(result.classifier)} "
            + ", ".join(decimals(each.scores(index).agn_f1, 2) for each in bins)
            for index, result in with_all_features(report.metrics).items()
        ]
        sentences.append(f"F1 by {QUANTITIES[name]} {ranges}: {'; '.join(scores)}.")
    return f"F1 and recall of the AGN class by bins. {' '.join(sentences)}"


def feature_importance(report: TrainingReport) -> str:
    """Describe the forest's importance of features."""
    record = shown_record(report.metrics)
    kept = ", ".join(feature_label(record, index) for index in record.importance.best or ())
    return f"Bars of the importance of each feature. Kept, most important first: {kept}."


def permutation_importance(report: TrainingReport) -> str:
    """Describe the permutation importance."""
    first = []
    record = shown_record(report.metrics)
    for name, drops in record.importance.permutation.items():
        order = sorted(drops, key=lambda drop: -drop.pr_auc_drop)[:3]
        listed = ", ".join(
            f"{feature_label(record, drop.feature)} ({drop.pr_auc_drop:.2f})" for drop in order
        )
        first.append(f"{title(name)}: {listed}")
    return (
        "Bars of how far the average precision of AGN drops when a feature is shuffled. The "
        f"features with the largest drops are, for {'; '.join(first)}."
    )


def wavelength_importance(report: TrainingReport) -> str:
    """Describe the importance in wavelength."""
    strongest = [
        f"{title(name)} at {report.wavelength[share.argmax()]:.0f} Å"
        for name, share in report.wavelength_importance.items()
    ]
    lines = [
        f"{title(name)}: {', '.join(peaks_by_line(report, name))}"
        for name in report.wavelength_importance
        if peaks_by_line(report, name)
    ]
    named = f" Lines at the strongest peaks: {'; '.join(lines)}." if lines else ""
    return (
        "Importance against wavelength under the mean spectrum. Strongest peak of "
        f"{', of '.join(strongest)}.{named}"
    )


def eigenspectra(report: TrainingReport) -> str:
    """Describe the eigenspectra."""
    shown = 0 if report.basis is None else min(SHOWN, len(report.basis))
    return f"The mean spectrum and below it the first {shown} eigenspectra, with lines marked."


def explained_variance(report: TrainingReport) -> str:
    """Describe the explained variance."""
    ratios = report.metrics.features[report.pixel_kind].explained_variance
    return (
        f"Explained variance added up: {ratios[0]:.1%} with one feature, {sum(ratios):.1%} with "
        f"all {len(ratios)}."
    )


def class_means(report: TrainingReport) -> str:
    """Describe the mean spectra."""
    return (
        f"Mean spectra of the classes {' and '.join(sorted(report.class_means))}, their "
        "difference, and both in a window around H beta and one around H alpha."
    )


def stage_times(report: TrainingReport) -> str:
    """Describe the times of the stages."""
    seconds = report.metrics.seconds.items()
    stages = ", ".join(f"{title(name)} {duration(value)}" for name, value in seconds)
    return f"Bars of the time that each stage took: {stages}."


def run_times(report: TrainingReport) -> str:
    """Describe the times of the algorithms."""
    times = []
    for result in ordered_results(report.metrics):
        seconds = timed(result.seconds).items()
        steps = ", ".join(f"{step} {seconds_text(value)}" for step, value in seconds)
        times.append(f"{title(result.classifier)}, {result.features}: {steps}")
    return f"Times of each algorithm on a logarithmic axis. {'; '.join(times)}."


def search(report: TrainingReport) -> str:
    """Describe the search."""
    searches = []
    for name, of_sets in searched(report.metrics).items():
        for features, trials in of_sets.items():
            best = chosen_trial(trials)
            chosen = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in best.settings.items()
            )
            searches.append(
                f"{title(name)}, {features}: {len(trials)} tried, fits of "
                f"{duration(sum(trial.seconds for trial in trials))}; chosen {chosen} with a "
                f"weighted F1 of {decimals(best.f1, 3)} and an AGN F1 of "
                f"{decimals(best.agn_f1, 3)}"
            )
    listed = "; ".join(searches)
    return f"Scores and time of every point of the search against its setting. {listed}."
