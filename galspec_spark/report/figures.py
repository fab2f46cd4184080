"""The figures of the report: how each is drawn, what it shows, and how to read it."""

from __future__ import annotations

from galspec_spark.report import alternatives
from galspec_spark.report.bins import scores_by_bin
from galspec_spark.report.calibration import reliability
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.coverage import coverage_by_sn
from galspec_spark.report.flow import flow
from galspec_spark.report.importance import feature_importance, wavelength_importance
from galspec_spark.report.kinds import kinds
from galspec_spark.report.label import label_agreement
from galspec_spark.report.page import FigureEntry
from galspec_spark.report.performance import confusion_matrices, curves
from galspec_spark.report.permutation import permutation_importance
from galspec_spark.report.search import search
from galspec_spark.report.spectra import class_means, eigenspectra, explained_variance
from galspec_spark.report.times import run_times, stage_times

#: By file name, in the order of the report.
FIGURES: dict[str, FigureEntry[TrainingReport]] = {
    "flow": FigureEntry(
        flow,
        alternatives.flow,
        "From files to result, with this run's own counts and times. The small drawings are made "
        "of this run's spectra and scores. Below: what was left out on the way, and how the "
        "labelled galaxies were split (AGN in crimson).",
    ),
    "kinds": FigureEntry(
        kinds,
        alternatives.kinds,
        "All kinds of features on the same objects and folds: dots are the test split with their "
        "95 % intervals, upright strokes the cross-validation, hollow dots the best features "
        "alone. Lines are measured as the pipeline measures them that made the labels, and the "
        "formula is its own: their scores are agreement with software, not physical truth.",
    ),
    "label_agreement": FigureEntry(
        label_agreement,
        alternatives.label_agreement,
        "Pairs of observations of one object, whose numbers stand at the dots and below the bins. "
        "Left: how often both have the same label, by the probability of it that the first one's "
        "lines and errors give; on the dotted line the promise is kept. Right: how often the "
        "labels differ, by the S/N of Hβ in the first. Bars are 95 % intervals (Wilson's).",
    ),
    "curves": FigureEntry(
        curves,
        alternatives.curves,
        "Each curve shows what a classifier could do at any threshold, and its dot what it does at "
        "its own; hollow dots and dashes are the best features alone. With few AGN the right "
        "panel tells more than the left. Dotted: a classifier that knows nothing.",
    ),
    "confusion_matrices": FigureEntry(
        confusion_matrices,
        alternatives.confusion_matrices,
        "Test split. Percentages and shades are shares of the row, that is of the true class; "
        "below each percentage the number of spectra. The lower right cell is the recall of the "
        "AGN class.",
    ),
    "reliability": FigureEntry(
        reliability,
        alternatives.reliability,
        "Test split, in bins of probability: on the dotted line the promise is kept. Bars are 95 % "
        "intervals (Wilson's). Full dots have all features, hollow ones the best alone. Below: "
        "how many spectra each dot stands for, and the probability from which one is called AGN "
        "(vertical; dashed for the best features).",
    ),
    "coverage_by_sn": FigureEntry(
        coverage_by_sn,
        alternatives.coverage_by_sn,
        "Test split, classifiers with all features: of the spectra of a class, how many have the "
        "class in their prediction set. Dotted: the level that the sets were made for. It is "
        "promised for a class as a whole, not at each S/N. Bars are 95 % intervals (Wilson's).",
    ),
    "scores_by_bin": FigureEntry(
        scores_by_bin,
        alternatives.scores_by_bin,
        "Test split, classifiers with all features, in bins of about equal count. Bars are 95 % "
        "intervals (Wilson's): where they overlap by much, the difference may be chance.",
    ),
    "feature_importance": FigureEntry(
        feature_importance,
        alternatives.feature_importance,
        "How much each feature contributes to the random forest's splits, as the share of the "
        "entropy that its splits remove. The features kept by the elimination are in colour, with "
        "their rank. Principal components are numbered by explained variance, from 1: what varies "
        "most between galaxies need not be what tells AGN from the others.",
    ),
    "permutation_importance": FigureEntry(
        permutation_importance,
        alternatives.permutation_importance,
        "How far the average precision (bars) and the F1 (diamonds) of the AGN class drop on the "
        "test split when one feature is shuffled among the spectra; mean and standard deviation "
        "of repeats. Right: the forest's own importance, as in the figure before, which is "
        "measured on the spectra that it was fitted on.",
    ),
    "wavelength_importance": FigureEntry(
        wavelength_importance,
        alternatives.wavelength_importance,
        "The importance of the features, mapped back to wavelength, as "
        "a multiple of the average pixel's (dashed; square-root scale). The strongest peaks have "
        "the name of the line within 15 Å of them. AGN are labelled by four lines: Hβ, "
        "[O III]5007, Hα and [N II]6583.",
    ),
    "eigenspectra": FigureEntry(
        eigenspectra,
        alternatives.eigenspectra,
        "Mean spectrum of the training split and the first eigenspectra, each on its own scale, "
        "with the share of the variance that it explains. The sign of an eigenspectrum has no "
        "meaning; the grey line is zero.",
    ),
    "explained_variance": FigureEntry(
        explained_variance,
        alternatives.explained_variance,
        "Share of the training spectra's variance that each feature explains, and the sum up "
        "to it. What is missing to 100 % is mostly noise.",
    ),
    "class_means": FigureEntry(
        class_means,
        alternatives.class_means,
        "Top: mean spectrum of each class in the training split, in the flux unit of the "
        "features. Middle: AGN less other, of more classes less the mean of all. Bottom: the same "
        "means around the lines that make the label.",
    ),
    "search": FigureEntry(
        search,
        alternatives.search,
        "Every point of the search, by cross-validation: mean weighted F1, which decides (ringed), "
        "F1 of the AGN class, and the seconds of its fits added up, which overlap. Points of the "
        "grid are joined; where several settings vary, all are in the order of their weighted F1. "
        "Full marks have all features, hollow ones the best alone.",
    ),
    "run_times": FigureEntry(
        run_times,
        alternatives.run_times,
        "Each final fit and each prediction was timed alone: these two compare the algorithms. The "
        "fits of a search run beside each other, so that their sum is more than the time they "
        "took, and it depends on how many points were tried.",
    ),
    "stage_times": FigureEntry(
        stage_times,
        alternatives.stage_times,
        "Wall-clock seconds of each stage of this run, and their share of the whole.",
    ),
}
