"""The sections of the configuration, a typed model each, and the whole.

The models hold the defaults. ``conf/default.yaml`` spells them out with comments (a test keeps the
two equal). Every other file in ``conf/`` states only its differences.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, RootModel, model_validator

from galspec_spark.config.monitoring import MonitoringConfig
from galspec_spark.config.section import (
    FileName,
    Fraction,
    ParamValue,
    ReleaseName,
    Section,
    Seed,
)
from galspec_spark.config.training import TrainConfig
from galspec_spark.labels import AGN, EMPTY, OTHER, Classes
from galspec_spark.spectrum.masks import ZWARNING_BITS
from galspec_spark.warehouse.flags import ABSTAIN, FLAG_BITS

#: A set of classes has one of 2**k names.
MOST_CLASSES = 8
#: What no class is called: values beside it in the catalogue, and keys beside it in metrics.json.
RESERVED = (
    ABSTAIN, EMPTY, "mean_size", "low", "high", "level", "counts", "limits", "sets", "sn_median",
    "marginal",
)  # fmt: skip


class SimulateConfig(Section):
    """The simulated survey."""

    spectra: int = Field(2000, ge=1)
    seed: Seed = 1
    repeats: Fraction = Field(0.05, description="spectra that observe an object again")
    stars: Fraction = 0.01
    quasars: Fraction = 0.01
    sky_fibres: Fraction = 0.03
    like: FileName | None = Field(
        None,
        description="CSV with columns z and sn_median to draw both from; null: SDSS main sample",
    )


class DownloadConfig(Section):
    """From an archive's HTTP tree to files in a folder."""

    connections: int = Field(8, ge=1, le=64, description="files fetched at once")
    connect_timeout: float = Field(10, gt=0, description="seconds")
    read_timeout: float = Field(60, gt=0, description="seconds without a byte")
    attempts: int = Field(6, ge=1, description="for each file, counted anew when bytes were gained")
    file_megabytes: int = Field(1000, ge=1, description="longest file that is fetched")
    pause: float = Field(0.5, ge=0, description="seconds before the second attempt; doubles")
    pause_max: float = Field(60, ge=0, description="seconds, whatever the archive asks for")


class IngestConfig(Section):
    """From FITS files to the ``spectra`` table."""

    release: ReleaseName | None = Field(None, description="null: as the files' paths name it")
    part_megabytes: int = Field(160, ge=1, le=200, description="size of the Parquet files")
    vanished_max: Fraction = Field(0.5, description="share of a known release that may be gone")


class LabelConfig(RootModel[dict[str, tuple[str, ...]]]):
    """The classes, and the words of SUBCLASS that make a spectrum one of them.

    One word of AGN suffices. Another class has a spectrum if all its words are that class's; of
    several such classes, the one that names SUBCLASS as it is. An empty text names the empty one.
    """

    model_config = ConfigDict(frozen=True)

    root: dict[str, tuple[str, ...]] = {
        OTHER: ("", "STARFORMING", "STARBURST", "BROADLINE"),
        AGN: ("AGN",),
    }

    @model_validator(mode="after")
    def _check(self) -> LabelConfig:
        names = list(self.root)
        if AGN not in names or not 2 <= len(names) <= MOST_CLASSES:
            raise ValueError(
                f"{', '.join(names) or 'nothing'}: expected 2 to {MOST_CLASSES} classes, {AGN} "
                "among them"
            )
        for name in names:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,23}", name):
                raise ValueError(
                    f"{name!r} is no name of a class: expected a letter, then at most 23 letters, "
                    "digits, '_' and '-'"
                )
            if name.lower() in RESERVED:
                raise ValueError(f"{name!r} has another meaning: call the class otherwise")
        if len({name.lower() for name in names}) < len(names):
            raise ValueError(f"{', '.join(names)}: two names differ in case alone")
        return self

    @property
    def classes(self) -> Classes:
        """The classes in the order of their labels."""
        return Classes.of(self.root)

    def __str__(self) -> str:
        """Return the classes and their words, as YAML has them."""
        classes = (
            f"{name}: [{', '.join(w or chr(39) * 2 for w in self.root[name])}]"
            for name in self.classes.names
        )
        return f"{{{', '.join(classes)}}}"

    def named(self, name: str) -> set[frozenset[str]]:
        """Return what a class names, each a set of words in upper case."""
        return {frozenset(text.upper().split() or [""]) for text in self.root[name]}

    def words(self, name: str) -> set[str]:
        """Return the words of a class, in upper case."""
        return set().union(*self.named(name))


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
    labels: FileName | None = Field(
        None, description="CSV or Parquet of spectrum_id and label, which win over the survey's"
    )
    sample: int | None = Field(None, ge=1, description="draw this many; null keeps all")
    normalise: Literal["none", "median", "unit_norm", "continuum"] = "median"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    folds: int = Field(5, ge=2)
    seed: Seed = 1

    @model_validator(mode="after")
    def _check(self) -> PreprocessConfig:
        unknown = [name for name in self.zwarning_reject if name not in ZWARNING_BITS]
        if unknown:
            bits = ", ".join(ZWARNING_BITS)
            raise ValueError(f"zwarning_reject: unknown bit {unknown[0]!r}; known: {bits}")
        if self.z_min >= self.z_max:
            raise ValueError(f"z_min {self.z_min} is not below z_max {self.z_max}")
        return self


class LinesConfig(Section):
    """From the table ``spectra`` to the table ``lines``."""

    templates: FileName | None = Field(
        None, description="spectra of stars: SDSS's spEigenElodie.fits; null takes our own"
    )


class ClassifyConfig(Section):
    """From the table ``restframe`` to the table ``catalog``."""

    abstain: tuple[str, ...] = ("LOW_COVERAGE", "Z_RANGE", "LOW_SN", "OUTLIER")

    @model_validator(mode="after")
    def _check(self) -> ClassifyConfig:
        unknown = [name for name in self.abstain if name not in FLAG_BITS]
        if unknown:
            raise ValueError(f"abstain: unknown flag {unknown[0]!r}; known: {', '.join(FLAG_BITS)}")
        return self


class QueueConfig(Section):
    """The spectra of a catalogue that a person should label."""

    spectra: int = Field(100, ge=1, le=100_000, description="most that the queue has")


class ViewerConfig(Section):
    """The page to look at spectra."""

    spectra: int = Field(2000, ge=1, le=100_000, description="most that the page has")


class DriftConfig(Section):
    """Limits of the distance between a release and the training set."""

    psi_max: float = Field(0.2, gt=0, description="population stability index")
    ks_max: float = Field(0.1, gt=0, description="Kolmogorov-Smirnov distance")
    agn_share_max: float = Field(0.05, gt=0, description="change of the share called AGN")
    outlier_share_max: float = Field(0.01, gt=0, description="change of the share of outliers")
    left_out_share_max: float = Field(0.1, gt=0, description="change of the share left out")
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.001


class ChangesConfig(Section):
    """What counts as a change between two observations of one object."""

    sigma: float = Field(5, gt=0, description="change of a line, in its errors")
    calibration: Fraction = Field(
        0.06, description="error of a line's flux beyond the pair's scale"
    )
    continuum: Fraction = Field(0.02, description="error of the continuum under a line")


class CompactConfig(Section):
    """What compaction keeps."""

    keep_models: int | None = Field(
        None, ge=1, description="models whose catalogues of a release are kept; null keeps all"
    )


def _spark_key(key: str) -> str:
    """Refuse names that Spark would take and never read."""
    if not re.fullmatch(r"spark\.\S+", key):
        raise ValueError(f"{key!r} is no name of a setting of Spark, which begins with 'spark.'")
    if key.startswith("spark.spark."):
        raise ValueError(f"write it as {key.removeprefix('spark.')}")
    return key


class Config(Section):
    """The whole configuration of a job."""

    spark: dict[Annotated[str, AfterValidator(_spark_key)], ParamValue] = Field(
        {}, description="Spark settings, by their Spark names"
    )
    simulate: SimulateConfig = SimulateConfig()
    download: DownloadConfig = DownloadConfig()
    ingest: IngestConfig = IngestConfig()
    preprocess: PreprocessConfig = PreprocessConfig()
    lines: LinesConfig = LinesConfig()
    train: TrainConfig = TrainConfig()
    classify: ClassifyConfig = ClassifyConfig()
    queue: QueueConfig = QueueConfig()
    viewer: ViewerConfig = ViewerConfig()
    drift: DriftConfig = DriftConfig()
    changes: ChangesConfig = ChangesConfig()
    compact: CompactConfig = CompactConfig()
    monitoring: MonitoringConfig = MonitoringConfig()

    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when any value does that may change a result."""
        values = self.model_dump(mode="json", exclude={"monitoring"})
        content = json.dumps(values, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]
