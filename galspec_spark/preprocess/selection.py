"""Select spectra, label them, and assign them to splits and folds.

All steps are numpy on narrow columns: 10 million spectra take some 100 bytes each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.readers.batch import NO_INFORMATION
from galspec_spark.spectrum.masks import ZWARNING_BITS, bit_mask
from galspec_spark.warehouse.sample import NOT_DRAWN

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
    NOT_DRAWN: "not among the preprocess.sample spectra drawn",
}
#: Label of spectra whose SUBCLASS says no class.
UNLABELLED = -1

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


def reasons(rows: pa.Table, duplicate: Booleans, config: PreprocessConfig) -> npt.NDArray[np.str_]:
    """Return the first reason to leave each spectrum out; empty where it is used.

    Parameters
    ----------
    rows
        The columns of `galspec_spark.warehouse.schemas.CATALOGUE`.
    duplicate
        From `is_duplicate`.
    """
    z, coverage = (_numbers(rows[name]) for name in ("z", "coverage"))
    zwarning = pc.fill_null(rows["zwarning"], 0).to_numpy()
    is_sky = _holds(pc.equal(_plain(rows["source_type"]), "SKY"))
    classes = _plain(pa.array(config.classes, pa.string()))
    wrong_class = pc.invert(pc.is_in(_plain(rows["class"]), classes))
    with np.errstate(invalid="ignore"):
        tests = {
            "no_information": rows["quality"].to_numpy() & NO_INFORMATION != 0,
            "duplicate": duplicate,
            "sky": is_sky | (zwarning & bit_mask(["SKY"], ZWARNING_BITS) != 0),
            "class": _holds(wrong_class) & _holds(pc.is_valid(rows["class"])),
            "zwarning": zwarning & bit_mask(config.zwarning_reject, ZWARNING_BITS) != 0,
            "z_range": ~((z >= config.z_min) & (z <= config.z_max)),
            "coverage": ~(coverage >= config.coverage_min),
            "normalise": ~_holds(rows["has_scale"]),
        }
    return np.select(list(tests.values()), list(tests), "")


def is_duplicate(rows: pa.Table) -> Booleans:
    """Tell which spectra were also read from another file, whose path sorts before."""
    order = pc.sort_indices(rows, [("spectrum_id", "ascending"), ("file", "ascending")])
    names = rows["spectrum_id"].take(order)
    again = pc.equal(names.slice(1), names.slice(0, max(len(names) - 1, 0)))
    found = np.zeros(len(rows), np.bool_)
    found[order.to_numpy()[1:]] = again.to_numpy()
    return found


def labels(subclass: pa.ChunkedArray, policy: LabelConfig) -> Integers:
    """Return the index of each spectrum's class, `UNLABELLED` where SUBCLASS says none.

    SUBCLASS is read word by word, in any case: ``AGN BROADLINE`` has the word AGN, ``BROADLINE``
    has not. `LabelConfig` has the rule.
    """
    encoded = subclass.combine_chunks().dictionary_encode(null_encoding="encode")
    of_value = [_label(text, policy) for text in encoded.dictionary.to_pylist()]
    found: Integers = np.array([*of_value, UNLABELLED])[encoded.indices.to_numpy()]
    return found


def _label(subclass: str | None, policy: LabelConfig) -> int:
    if subclass is None:
        return UNLABELLED
    words = set(subclass.upper().split()) or {""}
    *others, agn = policy.classes.names
    if words & policy.words(agn):
        return len(others)
    claims = [name for name in others if words <= policy.words(name)]
    if len(claims) > 1:
        claims = [name for name in claims if words in policy.named(name)]
    return others.index(claims[0]) if len(claims) == 1 else UNLABELLED


def positions(names: Iterable[str], seed: int) -> Doubles:
    """Return a number from 0 to 1 for each name: always the same, and even over all names.

    BLAKE2b is a standard (RFC 7693), so that no version of a library changes a split.
    """
    key = seed.to_bytes(8)
    digests = (hashlib.blake2b(name.encode(), digest_size=8, key=key).digest() for name in names)
    return np.frombuffer(b"".join(digests), ">u8") / 2.0**64


def draw(names: pa.ChunkedArray, usable: Booleans, config: PreprocessConfig) -> Booleans:
    """Tell which of the usable spectra are drawn: the configured number, first by `positions`."""
    if config.sample is None or usable.sum() <= config.sample:
        return usable
    chosen = np.flatnonzero(usable)
    place = positions(names.take(pa.array(chosen)).to_pylist(), config.seed)
    drawn = np.zeros(len(usable), np.bool_)
    drawn[chosen[np.argsort(place, kind="stable")[: config.sample]]] = True
    return drawn


def splits(place: Doubles, config: PreprocessConfig) -> tuple[Booleans, Integers]:
    """Tell which spectra are in the test split; return the fold of the others.

    Both are thresholds on the position of an object: no later release moves an object.

    Parameters
    ----------
    place
        From `positions`.
    """
    is_test = place < config.test_fraction
    fold = np.floor((place - config.test_fraction) / (1 - config.test_fraction) * config.folds)
    return is_test, np.minimum(fold, config.folds - 1).astype(np.int64)


def _plain(names: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return names of classes without the case and the blanks around, which surveys vary."""
    return pc.utf8_upper(pc.utf8_trim_whitespace(names))


def _holds(values: pa.ChunkedArray) -> Booleans:
    """Return where a condition holds; null counts as false."""
    return np.asarray(pc.fill_null(values, False).to_numpy(), np.bool_)


def _numbers(values: pa.ChunkedArray) -> Doubles:
    """Return numbers; NaN in place of null."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
