"""The configuration of training: features, classifiers and their search."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from galspec_spark.config.section import ParamValue, Section, Seed, first_problem
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.features import FEATURES
from galspec_spark.ml.features.kind import FeatureKind


def _registered(name: str) -> str:
    reserved = {kind.classifier for kind in FEATURES.values()}
    known = [each for each in CLASSIFIERS if each not in reserved]
    if name not in known:
        raise ValueError(f"unknown classifier {name!r}; known: {', '.join(known)}")
    return name


ClassifierName = Annotated[str, AfterValidator(_registered)]


def _feature_settings(content: object) -> object:
    """Read the settings of each kind of features with its own model."""
    if not isinstance(content, dict):
        return content
    return {name: _settings_of(name, value) for name, value in content.items()}


def _settings_of(name: str, content: object) -> BaseModel:
    if name not in FEATURES:
        raise ValueError(f"unknown features {name!r}; known: {', '.join(FEATURES)}")
    try:
        return FEATURES[name].settings.model_validate({} if content is None else content)
    except ValidationError as error:
        raise ValueError(f"{name}.{first_problem(error)}") from None


FeatureSettings = Annotated[
    dict[str, SerializeAsAny[BaseModel]],
    BeforeValidator(_feature_settings),
    Field(min_length=1),
]


def _default_features() -> dict[str, BaseModel]:
    return {name: _settings_of(name, None) for name, kind in FEATURES.items() if kind.is_default}


Bounds = tuple[float, float]


class Distribution(Section):
    """Distribution of a parameter in a random search: exactly one of these.

    Bounds are included; ``log_uniform`` is uniform in the logarithm.
    """

    uniform: Bounds | None = None
    log_uniform: Bounds | None = None
    integer: tuple[int, int] | None = None
    choice: Annotated[tuple[ParamValue, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Distribution:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            raise ValueError("give one of uniform, log_uniform, integer and choice")
        bounds = None if self.choice else getattr(self, given[0])
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError(f"{given[0]}: {bounds[0]} is not below {bounds[1]}")
        if self.log_uniform and self.log_uniform[0] <= 0:
            raise ValueError("log_uniform: bounds must be above 0")
        return self

    @model_serializer(mode="plain")
    def _given(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if value is not None}

    def draw(self, random: np.random.Generator) -> ParamValue:
        """Draw one value."""
        if self.uniform:
            return float(random.uniform(*self.uniform))
        if self.log_uniform:
            return float(np.exp(random.uniform(*np.log(self.log_uniform))))
        if self.integer:
            return int(random.integers(*self.integer, endpoint=True))
        assert self.choice is not None
        return self.choice[int(random.integers(len(self.choice)))]


class ClassifierConfig(Section):
    """Parameters of one Spark ML classifier, fixed or searched."""

    fixed: dict[str, ParamValue] = Field(default_factory=dict)
    grid: dict[str, Annotated[tuple[ParamValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    random: dict[str, Distribution] = Field(default_factory=dict)


def _default_classifiers() -> dict[ClassifierName, ClassifierConfig]:
    return {name: _own_settings(name) for name, kind in CLASSIFIERS.items() if kind.is_default}


def _own_settings(name: str) -> ClassifierConfig:
    return ClassifierConfig.model_validate(CLASSIFIERS[name].settings)


#: Spark's own cross-validator, in the place of ours.
STOCK = "pyspark.ml.tuning.CrossValidator"


class SearchConfig(Section):
    """The searches: with all features, and with the best features."""

    cross_validator: Literal[
        "galspec_spark.ml.CrossValidator", "pyspark.ml.tuning.CrossValidator"
    ] = Field(
        "galspec_spark.ml.CrossValidator",
        description="Spark's own has one set of features for all folds, and no budget",
    )

    random_points: int = Field(0, ge=0, description="drawn for each classifier after its grid")
    max_fits: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _check(self) -> SearchConfig:
        if self.cross_validator == STOCK and (self.max_fits or self.max_minutes):
            raise ValueError(f"{STOCK} has neither max_fits nor max_minutes")
        return self


class TrainConfig(Section):
    """From the ``restframe`` table to models, metrics and the report."""

    features: FeatureSettings = Field(default_factory=_default_features)
    n_best: int = Field(10, ge=1, description="features kept by elimination")
    classifiers: dict[ClassifierName, ClassifierConfig] = Field(
        default_factory=_default_classifiers, min_length=1
    )
    search: SearchConfig = SearchConfig()
    parallelism: int = Field(6, ge=1, description="models fitted at once in a search")
    calibration: Literal["platt", "isotonic"] = "platt"
    threshold_precision: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="AGN precision to reach with the best recall; null: the best F1"
    )
    prediction_set_level: float = Field(
        0.9, gt=0, lt=1, description="share of each class whose prediction sets hold it"
    )
    seed: Seed = 1

    @field_validator("classifiers", mode="before")
    @classmethod
    def _settled(cls, content: object) -> object:
        """Give a classifier named without a value its default settings."""
        if not isinstance(content, dict):
            return content
        return {
            name: _own_settings(name) if value is None and name in CLASSIFIERS else value
            for name, value in content.items()
        }

    @model_validator(mode="after")
    def _check(self) -> TrainConfig:
        if self.n_best > self.most_features > 1:
            raise ValueError(f"n_best {self.n_best} is more than the {self.most_features} features")
        return self

    @property
    def kinds(self) -> list[FeatureKind]:
        """The kinds of features, in the order of the registry."""
        return [kind for name, kind in FEATURES.items() if name in self.features]

    def n_features(self, kind: FeatureKind) -> int:
        """Return the number of features of a kind."""
        return kind.count(self.features[kind.name])

    @property
    def most_features(self) -> int:
        """The number of features of the kind that has most."""
        return max(map(self.n_features, self.kinds))

    def classifiers_of(self, kind: FeatureKind) -> dict[str, ClassifierConfig]:
        """Return the classifiers to train with a kind of features, simplest first."""
        if kind.classifier:
            return {kind.classifier: _own_settings(kind.classifier)}
        return {name: self.classifiers[name] for name in CLASSIFIERS if name in self.classifiers}
