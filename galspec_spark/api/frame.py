"""The same preprocessing of any DataFrame, by Spark's expressions and pandas UDFs.

It is short, slow, and the oracle of the fast way, which works on the warehouse's parts.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from galspec_spark import udfs
from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.readers import PIXEL_MASKS
from galspec_spark.readers.batch import NO_INFORMATION
from galspec_spark.spectrum.masks import ZWARNING_BITS, bit_mask


def preprocess_frame(spectra: DataFrame, config: PreprocessConfig) -> DataFrame:
    """Select, label and move spectra.

    Parameters
    ----------
    spectra
        Columns of the table ``spectra``, ``survey`` among them.
    config
        What it says of drawing, splits, folds and a person's labels is not heeded: they are about
        objects.

    Returns
    -------
    DataFrame
        All columns but those of the pixels, and of the rest frame ``flux``, ``ivar`` (both
        ``array<float>``, null without a usable pixel), ``coverage``, ``has_scale``; ``label``
        (null where SUBCLASS says none) and ``reason`` (null where the spectrum is used).

    Raises
    ------
    ConfigError
        If ``preprocess.pixel_mask_reject`` names an unknown survey or bit.
    """
    recipe = Recipe.of(config)
    pixels = ("flux", "ivar", "and_mask", "loglam0", "z")
    moved = spectra.withColumn("moved", udfs.rest_frame(*pixels, _reject(recipe)))
    scaled = moved.withColumn(
        "scaled", udfs.normalise(F.col("moved.flux"), F.col("moved.ivar"), config.normalise)
    )
    has_pixels = F.col("scaled.has_scale") & (F.col("moved.coverage") > 0)
    same = Window.partitionBy("spectrum_id").orderBy("file")
    found = scaled.select(
        *(name for name in spectra.columns if name not in ("flux", "ivar", "and_mask", "or_mask")),
        F.when(has_pixels, F.col("scaled.flux")).alias("flux"),
        F.when(has_pixels, F.col("scaled.ivar")).alias("ivar"),
        F.col("moved.coverage").alias("coverage"),
        F.col("scaled.has_scale").alias("has_scale"),
        F.row_number().over(same).alias("copy"),
        label_column(F.col("subclass"), config.label).alias("label"),
    )
    return found.withColumn("reason", _reason(config)).drop("copy")


def _reject(recipe: Recipe) -> Column:
    """Return the bits of AND_MASK that make a pixel bad, by survey."""
    bits: Column = F.lit(0)
    for survey in PIXEL_MASKS:
        bits = F.when(F.col("survey") == survey, recipe.reject(survey)).otherwise(bits)
    return bits


def _reason(config: PreprocessConfig) -> Column:
    """Return the first reason to leave a spectrum out, null where it is used."""
    z = F.col("z")
    zwarning = F.coalesce(F.col("zwarning"), F.lit(0))
    is_sky = F.coalesce(_plain(F.col("source_type")) == "SKY", F.lit(False))
    classes = [name.strip().upper() for name in config.classes]
    tests = {
        "no_information": F.col("quality").bitwiseAND(NO_INFORMATION) != 0,
        "duplicate": F.col("copy") > 1,
        "sky": is_sky | (zwarning.bitwiseAND(bit_mask(["SKY"], ZWARNING_BITS)) != 0),
        "class": F.col("class").isNotNull() & ~_plain(F.col("class")).isin(classes),
        "zwarning": zwarning.bitwiseAND(bit_mask(config.zwarning_reject, ZWARNING_BITS)) != 0,
        "z_range": ~F.coalesce(z.between(config.z_min, config.z_max), F.lit(False)),
        "coverage": ~F.coalesce(F.col("coverage") >= config.coverage_min, F.lit(False)),
        "normalise": ~F.coalesce(F.col("has_scale"), F.lit(False)),
    }
    reason = F.lit(None).cast("string")
    for name, holds in reversed(tests.items()):
        reason = F.when(holds, name).otherwise(reason)
    return reason


def label_column(subclass: Column, policy: LabelConfig) -> Column:
    """Return the index of the class, null where SUBCLASS says none."""
    words = F.split(_plain(subclass), r"\s+")
    *others, agn = (
        F.array(*map(F.lit, sorted(policy.words(name)))) for name in policy.classes.names
    )
    whole = F.concat_ws(" ", F.sort_array(F.array_distinct(words)))
    claims = [F.size(F.array_except(words, own)) == 0 for own in others]
    named = [
        claim & whole.isin([" ".join(sorted(each)) for each in policy.named(name)])
        for claim, name in zip(claims, policy.classes.names, strict=False)
    ]
    label = F.when(F.arrays_overlap(words, agn), len(others))
    for tests in (claims, named):
        only = sum((test.cast("int") for test in tests), F.lit(0)) == 1
        for index, test in enumerate(tests):
            label = label.when(test & only, index)
    return label


def _plain(name: Column) -> Column:
    """Return the name of a class without the case and the blanks around, which surveys vary."""
    return F.upper(F.regexp_replace(name, r"^\s+|\s+$", ""))
