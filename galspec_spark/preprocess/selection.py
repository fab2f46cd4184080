"""Which spectra are used, what they are labelled, and who is in which split and fold."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.readers.batch import NO_INFORMATION
from galspec_spark.spectrum.masks import ZWARNING_BITS, bit_mask

#: Why a spectrum is left out, in the order in which the reasons are tried.
REASONS = {
    "no_information": "no pixel has a positive ivar and a finite flux",
    "duplicate": "the same spectrum was read from another file",
    "sky": "a sky fibre",
    "class": "the survey's class is not one of preprocess.classes",
    "zwarning": "the redshift has a warning that preprocess.zwarning_reject names",
    "z_range": "the redshift is outside preprocess.z_min to z_max",
    "coverage": "less of the window is covered than preprocess.coverage_min",
    "normalise": "the flux has no positive scale to divide by",
    "not_drawn": "not among the preprocess.sample spectra drawn",
}


def reason_from_catalogue(config: PreprocessConfig) -> Column:
    """Return the first reason that the catalogue columns alone give, else null."""
    warned = F.col("zwarning").bitwiseAND(bit_mask(config.zwarning_reject, ZWARNING_BITS)) != 0
    is_sky = F.col("zwarning").bitwiseAND(bit_mask(["SKY"], ZWARNING_BITS)) != 0
    copies = Window.partitionBy("spectrum_id").orderBy("file")
    tests = {
        "no_information": F.col("quality").bitwiseAND(NO_INFORMATION) != 0,
        "duplicate": F.row_number().over(copies) > 1,
        "sky": (F.col("source_type") == "SKY") | is_sky,
        "class": ~F.col("class").isin(*config.classes),
        "zwarning": warned,
        "z_range": ~F.col("z").between(config.z_min, config.z_max),
    }
    reason = F.lit(None).cast("string")
    for name, test in reversed(tests.items()):
        reason = F.when(F.coalesce(test, F.lit(name == "z_range")), name).otherwise(reason)
    return reason


def label(policy: LabelConfig) -> Column:
    """Return 1 for an AGN, 0 for another galaxy, null where SUBCLASS says neither.

    SUBCLASS is read word by word: ``AGN BROADLINE`` has the word AGN, ``BROADLINE`` has not.
    """
    words = F.split(F.col("subclass"), " +")
    has_agn = F.arrays_overlap(words, _strings(policy.agn))
    only_other = F.size(F.array_except(words, _strings(policy.other))) == 0
    return F.when(has_agn, 1).when(only_other, 0).cast("int")


def _strings(values: Sequence[str]) -> Column:
    return F.array(*(F.lit(value) for value in values))


def draw_sample(rows: DataFrame, config: PreprocessConfig) -> DataFrame:
    """Keep the configured number of labelled spectra, in the order of a hash of their name.

    Others get the reason ``not_drawn``. The draw depends on nothing but the names and the seed.
    """
    if config.sample is None:
        return rows
    usable = F.col("reason").isNull() & F.col("label").isNotNull()
    order = Window.partitionBy(usable).orderBy(F.xxhash64("spectrum_id", F.lit(config.seed)))
    drawn = F.row_number().over(order) <= config.sample
    return rows.withColumn(
        "reason", F.when(usable & ~drawn, "not_drawn").otherwise(F.col("reason"))
    )


def split_and_folds(rows: DataFrame, config: PreprocessConfig) -> DataFrame:
    """Add split (``train``, ``test``) and fold (of train, 0 to folds - 1) to the labelled spectra.

    Objects are ordered by a hash of their name among the objects of the same label (an object is
    AGN if any of its observations is). The first part of each order is the test split, the rest is
    cut into folds: every split and fold has the classes in the same proportion, no object is in
    two, and when a survey grows few objects move.
    """
    usable = rows.where(F.col("reason").isNull() & F.col("label").isNotNull())
    objects = usable.groupBy("object_id").agg(F.max("label").alias("object_label"))
    same_label = Window.partitionBy("object_label")
    order = same_label.orderBy(F.xxhash64("object_id", F.lit(config.seed)), "object_id")
    position = (F.row_number().over(order) - 0.5) / F.count("*").over(same_label)
    test = config.test_fraction
    fold = F.floor((F.col("position") - test) / (1 - test) * config.folds).cast("int")
    is_test = F.col("position") < test
    assigned = objects.withColumn("position", position).select(
        "object_id",
        F.when(is_test, "test").otherwise("train").alias("split"),
        F.when(~is_test, fold).alias("fold"),
    )
    joined = rows.join(assigned, "object_id", "left")
    kept = F.col("reason").isNull() & F.col("label").isNotNull()
    for column in ("split", "fold"):
        joined = joined.withColumn(column, F.when(kept, F.col(column)))
    return joined
