"""The configuration: one typed model per stage, read from YAML; an unknown key is an error.

The models hold the defaults, ``conf/default.yaml`` spells them out with comments (a test keeps the
two equal), and every other file in ``conf/`` states only where it differs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from galspec_spark.errors import ConfigError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.spectrum.masks import ZWARNING_BITS
from galspec_spark.warehouse.flags import FLAG_BITS

Fraction = Annotated[float, Field(ge=0, le=1)]


def _registered(name: str) -> str:
    if name not in CLASSIFIERS:
        raise ValueError(f"unknown classifier {name!r}; known: {', '.join(CLASSIFIERS)}")
    return name


ClassifierName = Annotated[str, AfterValidator(_registered)]


def _scalar(value: object) -> object:
    """Refuse lists and mappings, and read 1e-6 as a number (in YAML 1.1 it is a string)."""
    if isinstance(value, list | tuple | dict):
        raise ValueError("expected a single value")
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


ParamValue = Annotated[bool | int | float | str, BeforeValidator(_scalar)]


class Section(BaseModel):
    """What all sections share: no unknown keys, no changes after reading, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, content: object) -> object:
        return {} if content is None else content  # a section whose keys are all commented out


class SimulateConfig(Section):
    """The simulated survey."""

    spectra: int = Field(2000, ge=1)
    seed: int = Field(1, ge=0)
    repeats: Fraction = Field(0.05, description="spectra that observe an object again")
    stars: Fraction = 0.01
    quasars: Fraction = 0.01
    sky_fibres: Fraction = 0.03
    like: str | None = Field(
        None,
        description="CSV with columns z and sn_median to draw both from; null: SDSS main sample",
    )


class DownloadConfig(Section):
    """From an archive's HTTP tree to files in a folder."""

    connections: int = Field(8, ge=1, le=64, description="files fetched at once")
    connect_timeout: float = Field(10, gt=0, description="seconds")
    read_timeout: float = Field(60, gt=0, description="seconds without a byte")
    attempts: int = Field(6, ge=1, description="for each file, counted anew when bytes were gained")
    pause: float = Field(0.5, ge=0, description="seconds before the second attempt; doubles")
    pause_max: float = Field(60, ge=0, description="seconds, whatever the archive asks for")


class IngestConfig(Section):
    """From FITS files to the ``spectra`` table."""

    release: str = Field("dr14", pattern=r"^[A-Za-z0-9._-]+$")
    part_megabytes: int = Field(160, ge=1, le=200, description="size of the Parquet files")


class LabelConfig(Section):
    """Words of SUBCLASS that make a spectrum an AGN, and those that do not."""

    agn: tuple[str, ...] = ("AGN",)
    other: tuple[str, ...] = ("", "STARFORMING", "STARBURST", "BROADLINE")


class PreprocessConfig(Section):
    """From the table ``spectra`` to ``restframe`` and ``sample``."""

    classes: tuple[str, ...] = ("GALAXY",)
    z_min: float = 0.001
    z_max: float = 0.35
    zwarning_reject: tuple[str, ...] = tuple(b for b in ZWARNING_BITS if b != "MANY_OUTLIERS")
    pixel_mask_reject: dict[str, tuple[str, ...]] = Field(
        {}, description="bits of AND_MASK by survey; a survey that is not named has its reader's"
    )
    coverage_min: Fraction = 0.95
    label: LabelConfig = LabelConfig()
    sample: int | None = Field(None, ge=1, description="draw this many; null keeps all")
    normalise: Literal["none", "median", "unit_norm", "continuum"] = "median"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    folds: int = Field(5, ge=2)
    seed: int = 1

    @model_validator(mode="after")
    def _check(self) -> PreprocessConfig:
        unknown = [name for name in self.zwarning_reject if name not in ZWARNING_BITS]
        if unknown:
            known = ", ".join(ZWARNING_BITS)
            raise ValueError(f"zwarning_reject: unknown bit {unknown[0]!r}; known: {known}")
        if self.z_min >= self.z_max:
            raise ValueError(f"z_min {self.z_min} is not below z_max {self.z_max}")
        return self


Bounds = tuple[float, float]


class Distribution(Section):
    """What a random search draws a parameter from: exactly one of these.

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
    """Parameters of one Spark ML classifier: those that stay fixed, and what to search."""

    fixed: dict[str, ParamValue] = {}
    grid: dict[str, Annotated[tuple[ParamValue, ...], Field(min_length=1)]] = {}
    random: dict[str, Distribution] = {}


def _default_classifiers() -> dict[ClassifierName, ClassifierConfig]:
    return {name: _own_settings(name) for name, kind in CLASSIFIERS.items() if kind.is_default}


def _own_settings(name: str) -> ClassifierConfig:
    return ClassifierConfig.model_validate(CLASSIFIERS[name].settings)


class SearchConfig(Section):
    """How long to look for the best settings, with all components and with the best ones each."""

    random_points: int = Field(0, ge=0, description="drawn for each classifier after its grid")
    max_fits: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)


class TrainConfig(Section):
    """From the ``restframe`` table to models, metrics and the report."""

    components: int = Field(20, ge=1)
    best_components: int = Field(10, ge=1, description="kept by feature elimination")
    pca: Literal["gram", "mllib", "mask", "ivar"] = "gram"
    em_passes: int = Field(10, ge=1, description="of pca: mask and ivar")
    projection: Literal["filled", "masked"] = "filled"
    classifiers: dict[ClassifierName, ClassifierConfig] = Field(
        default_factory=_default_classifiers, min_length=1
    )
    search: SearchConfig = SearchConfig()
    parallelism: int = Field(6, ge=1, description="models fitted at once in a search")
    calibration: Literal["platt", "isotonic"] = "platt"
    threshold_precision: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="AGN precision to reach with the best recall; null: the best F1"
    )
    seed: int = 1

    @field_validator("classifiers", mode="before")
    @classmethod
    def _settled(cls, content: object) -> object:
        """Give a classifier that is named without a value its own settings."""
        if not isinstance(content, dict):
            return content
        return {
            name: _own_settings(name) if value is None and name in CLASSIFIERS else value
            for name, value in content.items()
        }

    @model_validator(mode="after")
    def _check(self) -> TrainConfig:
        if self.best_components > self.components:
            raise ValueError(
                f"best_components {self.best_components} is more than components {self.components}"
            )
        return self


class ClassifyConfig(Section):
    """From the table ``restframe`` to the table ``catalog``."""

    abstain: tuple[str, ...] = ("LOW_COVERAGE", "Z_RANGE", "LOW_SN", "OUTLIER")

    @model_validator(mode="after")
    def _check(self) -> ClassifyConfig:
        unknown = [name for name in self.abstain if name not in FLAG_BITS]
        if unknown:
            raise ValueError(f"abstain: unknown flag {unknown[0]!r}; known: {', '.join(FLAG_BITS)}")
        return self


class DriftConfig(Section):
    """How far a release may be from the training set."""

    psi_max: float = Field(0.2, gt=0, description="population stability index")
    ks_max: float = Field(0.1, gt=0, description="Kolmogorov-Smirnov distance")
    agn_share_max: float = Field(0.05, gt=0, description="change of the share called AGN")
    outlier_share_max: float = Field(0.01, gt=0, description="change of the share of outliers")
    left_out_share_max: float = Field(0.1, gt=0, description="change of the share left out")
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.001


class Config(Section):
    """Everything a job can be told."""

    spark: dict[Annotated[str, Field(pattern=r"^spark\.")], ParamValue] = Field(
        {}, description="Spark settings, by their Spark names"
    )
    simulate: SimulateConfig = SimulateConfig()
    download: DownloadConfig = DownloadConfig()
    ingest: IngestConfig = IngestConfig()
    preprocess: PreprocessConfig = PreprocessConfig()
    train: TrainConfig = TrainConfig()
    classify: ClassifyConfig = ClassifyConfig()
    drift: DriftConfig = DriftConfig()

    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when any value changes."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file over the defaults, then change single values of the result.

    Parameters
    ----------
    path
        A YAML file; None for the defaults alone.
    overrides
        Assignments such as ``preprocess.folds=3``; the value is read as YAML.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value is not known.
    """
    config = _validated({} if path is None else _read_yaml(path), f"configuration {path}")
    if not overrides:
        return config
    content = config.model_dump()
    for assignment in overrides:
        _assign(content, assignment)
    return _validated(content, "--set")


def _validated(content: dict[str, object], source: str) -> Config:
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_problem(error)}") from None


def _read_yaml(path: str | Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        found = type(content).__name__
        raise ConfigError(f"{path}: expected sections such as 'preprocess:', found a {found}")
    return content


def _assign(content: dict[str, object], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or "." not in key:
        raise ConfigError(f"--set {assignment}: expected section.key=value")
    *parents, last = key.split(".")
    if parents[0] == "spark":  # Spark's own names have dots
        parents, last = ["spark"], key
    for parent in parents:
        inner = content.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {assignment}: {parent} has no keys of its own")
        content = inner
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {assignment}: the value is not valid YAML") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        what = "unknown key; conf/default.yaml lists them all"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {what}{more}"
