"""The content of ``metrics.json``: measurements of one training run.

Train assembles a `Metrics` once; the report, the comparison with an earlier run, the promotion and
the model's card all read it. ``docs/metrics.schema.json`` is its JSON schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from galspec_spark.ml.evaluation.label_noise import LabelNoise
from galspec_spark.ml.evaluation.record import Interval, Record
from galspec_spark.ml.evaluation.set_scores import SetScores

Setting = bool | int | float | str


class Scores(Record):
    """The scores of one confusion matrix; null if undefined."""

    precision: float = Field(description="mean over the classes, weighted by their true numbers")
    recall: float = Field(description="weighted like the precision")
    f1: float = Field(description="weighted like the precision")
    other_precision: float | None = Field(None, description="null with more than two classes")
    other_recall: float | None = Field(None, description="null with more than two classes")
    other_f1: float | None = Field(None, description="null with more than two classes")
    agn_precision: float | None
    agn_recall: float | None
    agn_f1: float | None
    accuracy: float | None
    balanced_accuracy: float | None = Field(description="mean recall of the classes")
    mcc: float | None = Field(description="Matthews' correlation of prediction and label")


class Intervals(Record):
    """95 % intervals by a bootstrap over objects; null where no replicate defines the score."""

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    agn_precision: Interval | None
    agn_recall: Interval | None
    agn_f1: Interval | None
    balanced_accuracy: Interval | None
    mcc: Interval | None


class ClassScores(Record):
    """The scores of one class on the test split; null if undefined."""

    spectra: int = Field(description="of the class")
    precision: float | None
    recall: float | None
    f1: float | None
    f1_interval: Interval | None = Field(description="95 %, by a bootstrap over objects")


class ReliabilityBin(Record):
    """Probabilities in one range, and the observed share of AGN."""

    probability: float = Field(description="mean of the bin")
    share: float = Field(description="AGN among its spectra")
    count: int
    low: float = Field(description="lower end of the share's 95 % interval")
    high: float


class CalibrationScores(Record):
    """Quality of the calibrated probabilities of the test split."""

    method: Literal["platt", "isotonic"]
    brier: float = Field(description="mean squared error of the probabilities")
    brier_base_rate: float = Field(description="the same with the share of AGN for every spectrum")
    brier_skill: float | None = Field(description="1 is perfect, 0 no better than the base rate")
    brier_uncalibrated: float | None = Field(description="null where the score is no probability")
    reliability: tuple[ReliabilityBin, ...] = Field(description="bins that are not empty")


class ThresholdScores(Record):
    """The chosen probability threshold: expected and reached scores of the AGN class."""

    probability: float = Field(description="a spectrum with this probability or more is AGN")
    precision: float = Field(description="expected, from the held-out folds")
    recall: float = Field(description="expected, from the held-out folds")
    f1: float = Field(description="expected, from the held-out folds")
    reached: bool = Field(description="whether any threshold has the wanted precision")
    confusion: tuple[tuple[int, ...], ...] = Field(
        description="of the test split at this threshold, like the result's own"
    )
    test: Scores = Field(description="of the test split at this threshold")
    intervals: Intervals = Field(description="of the scores of the test split")


class Seconds(Record):
    """How long one classifier took."""

    search: float = Field(description="all fits of its search added up")
    fit: float = Field(description="fit on the whole training split")
    predict: float = Field(description="prediction of the test split")


class Result(Scores):
    """One classifier on one set of features: scores on the test split at its own threshold."""

    classifier: str
    kind: str = Field(description="of the features, for example pca")
    features: str = Field(description="name of the set of features, for example all 20")
    selected: tuple[int, ...] = Field(description="their indices, most important first")
    hyperparameters: dict[str, Setting] = Field(description="by Spark's names")
    confusion: tuple[tuple[int, ...], ...] = Field(
        description="true classes in rows, predicted in columns, in the order of the classes"
    )
    by_class: dict[str, ClassScores] = Field(description="by class, in their order; AGN is last")
    intervals: Intervals
    roc_auc: float | None
    pr_auc: float | None = Field(description="average precision")
    cv_f1: float = Field(description="cross-validated, like all cv_ scores")
    cv_agn_f1: float | None
    cv_mcc: float | None
    calibration: CalibrationScores
    threshold: ThresholdScores
    prediction_sets: SetScores
    seconds: Seconds

    @model_validator(mode="after")
    def _check(self) -> Result:
        if {len(row) for row in self.confusion} != {len(self.confusion)}:
            raise ValueError("confusion: not a square")
        return self


class BinScores(Scores):
    """The scores of one classifier in a bin, with 95 % intervals."""

    agn_recall_interval: Interval | None
    agn_f1_interval: Interval | None


class Bin(Record):
    """Test spectra of one range; ``prediction_3`` has the scores of the fourth of the results."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, BinScores]

    low: float | None = Field(description="lower limit; null for spectra without a value")
    high: float | None
    count: int
    agn: int

    def scores(self, result: int) -> BinScores:
        """Return the scores of the result with this index."""
        return self.__pydantic_extra__[f"prediction_{result}"]


class Drop(Record):
    """Drops of the AGN scores when one feature is shuffled, over several repeats."""

    feature: int = Field(description="index")
    f1_drop: float = Field(description="mean")
    f1_sd: float = Field(description="standard deviation")
    pr_auc_drop: float
    pr_auc_sd: float


class Peak(Record):
    """A peak of a classifier's importance in wavelength, and the nearest line."""

    wavelength: float = Field(description="Angstrom")
    importance: float
    line: str
    distance: float = Field(description="to the line, in Angstrom")


class Importance(Record):
    """Importance of features and wavelengths to the classifiers with all features."""

    features: tuple[float, ...] | None = Field(description="the forest's; null without a forest")
    best: tuple[int, ...] | None = Field(description="kept by the elimination, best first")
    permutation: dict[str, tuple[Drop, ...]] = Field(description="by classifier")
    peaks: dict[str, tuple[Peak, ...]] = Field(description="by classifier, strongest first")


class TrialScores(Record):
    """One point of a search: means over the folds."""

    classifier: str
    origin: Literal["grid", "random"]
    n_features: int = Field(description="how many of the set are used")
    chosen: dict[str, Setting] = Field(description="the point's hyper-parameters")
    f1: float = Field(description="weighted")
    agn_f1: float | None
    seconds: float = Field(description="all fits added up")

    @property
    def settings(self) -> Mapping[str, Setting]:
        """All that a search may vary from trial to trial."""
        return {**self.chosen, "n_features": self.n_features}


class Search(Record):
    """All trials with one set of features."""

    points: int
    fits: int
    trials: tuple[TrialScores, ...] = Field(description="in the order in which they began")


class FeatureRecord(Record):
    """One kind of features, and what was tried and learned with it."""

    names: tuple[str, ...]
    seen_by_templates: int = Field(
        description="test spectra that the templates of their lines learned from"
    )
    explained_variance: tuple[float, ...] = Field(
        description="share of each feature; empty where it is undefined"
    )
    importance: Importance
    search: dict[str, Search] = Field(description="by set of features")


class Counts(Record):
    """Files, spectra and objects on the way to the splits."""

    files: int | None = Field(description="null where the warehouse was not made from files")
    files_quarantined: int | None
    spectra: int
    simulated: int = Field(description="of the spectra, those that no telescope observed")
    selected: int = Field(description="spectra that no reason leaves out")
    labelled: int = Field(description="selected spectra with a label, all in the splits")
    train: int
    test: int
    train_agn: int
    test_agn: int
    objects: int = Field(description="of the splits")
    folds: int = Field(description="of the training split")


class Metrics(Record):
    """Measurements of one training run."""

    job: str
    version: str
    run_id: str
    config_hash: str
    grid: str = Field(description="id of the wavelength grid")
    data: str = Field(description="surveys and releases")
    counts: Counts
    left_out: dict[str, int] = Field(description="spectra by the first reason that applies")
    seconds: dict[str, float] = Field(description="by stage, in the order of the run")
    features: dict[str, FeatureRecord] = Field(description="by kind, in the order of Table 1")
    classes: tuple[str, ...] = Field(description="by label; AGN is the last")
    results: tuple[Result, ...] = Field(min_length=1)
    best: int = Field(description="index of the saved model's result")
    bins: dict[str, tuple[Bin, ...]] = Field(description="by quantity, rising")
    majority_f1: float = Field(
        description="weighted F1 of giving every spectrum the commonest class but AGN"
    )
    label_noise: LabelNoise | None = Field(
        description="how far the label agrees with itself; null without repeats or lines"
    )

    @property
    def best_result(self) -> Result:
        """The result of the saved model."""
        return self.results[self.best]


def schema() -> str:
    """Return the text of ``docs/metrics.schema.json``."""
    content = Metrics.model_json_schema(mode="serialization")
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
