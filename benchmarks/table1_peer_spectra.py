"""Spec files to rest-frame spectra, drawn and split, with astropy: for the script `table1_peer`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy.io import fits
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.utils.parallel import Parallel, delayed

from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.labels import AGN, OTHER
from galspec_spark.readers.sdss_masks import PIXEL_MASK
from galspec_spark.spectrum.masks import ZWARNING_BITS, bit_mask

PROCESSES = 2
FILES_PER_TASK = 200
TEST = -1  # the "fold" of the test split
LOGLAM = 3.5683 + 1e-4 * np.arange(2642)  # the rest frame: 3700.8 to 6798.3 A

#: What is kept of SPECOBJ.
CATALOGUE = ("BESTOBJID", "SOURCETYPE", "PLUG_RA", "PLUG_DEC", "CLASS", "SUBCLASS", "Z", "ZWARNING")

Array = np.ndarray[Any, Any]


def read_survey(files: list[Path], recipe: PreprocessConfig) -> tuple[pd.DataFrame, Array]:
    """Return catalogue and rest-frame flux, NaN at bad pixels, of all spectra that can be used."""
    shares = [files[i : i + FILES_PER_TASK] for i in range(0, len(files), FILES_PER_TASK)]
    read = Parallel(PROCESSES)(delayed(read_files)(share, recipe) for share in shares)
    rows, spectra = zip(*(spectrum for share in read for spectrum in share), strict=True)
    return pd.DataFrame(rows), np.array(spectra)


def read_files(files: list[Path], recipe: PreprocessConfig) -> list[tuple[dict[str, Any], Array]]:
    """Read files, one after another; leave out what the recipe does not want."""
    spectra = (read_spectrum(file, recipe) for file in files)
    return [spectrum for spectrum in spectra if spectrum is not None]


def read_spectrum(file: Path, recipe: PreprocessConfig) -> tuple[dict[str, Any], Array] | None:
    """Return catalogue values and rest-frame flux, or None; pixels only of what is wanted."""
    with fits.open(file, memmap=False) as hdus:  # mapping small files costs more than reading them
        specobj = hdus[2].data
        row = {name: specobj[name][0] for name in CATALOGUE}
        row["label"] = label_of(str(row["SUBCLASS"]), recipe.label)
        if row["label"] is None or not is_wanted(row, recipe):
            return None
        flux = rest_frame(hdus[1].data, row["Z"], recipe)
    return None if flux is None else (row, flux)


def is_wanted(row: dict[str, Any], recipe: PreprocessConfig) -> bool:
    """Tell whether the survey calls it a galaxy of good redshift."""
    return bool(
        row["CLASS"].strip() in recipe.classes
        and row["SOURCETYPE"].strip() != "SKY"
        and not row["ZWARNING"] & bit_mask(recipe.zwarning_reject, ZWARNING_BITS)
        and recipe.z_min <= row["Z"] <= recipe.z_max
    )


def label_of(subclass: str, policy: LabelConfig) -> int | None:
    """Return 1 for an AGN, 0 for another galaxy, None where the words say neither."""
    words = set(subclass.split())
    if words & policy.words(AGN):
        return 1
    return 0 if words <= policy.words(OTHER) else None


def rest_frame(coadd: Any, z: float, recipe: PreprocessConfig) -> Array | None:
    """Return the flux on the grid over its median, NaN at bad pixels; None if too few are good."""
    loglam = coadd["loglam"].astype(np.float64) - np.log10(1 + z)
    rejected = coadd["and_mask"] & bit_mask(PIXEL_MASK.bad, PIXEL_MASK.bits)
    good = (coadd["ivar"] > 0) & np.isfinite(coadd["flux"]) & (rejected == 0)
    # Where a bad pixel has any part in the interpolated one, this is below 1.
    covered = np.interp(LOGLAM, loglam, good, left=0, right=0) > 0.999
    flux = np.interp(LOGLAM, loglam, coadd["flux"])
    if covered.mean() < recipe.coverage_min or (scale := np.median(flux[covered])) <= 0:
        return None
    return np.where(covered, flux / scale, np.nan).astype(np.float32)


def draw_sample(
    catalogue: pd.DataFrame, flux: Array, recipe: PreprocessConfig
) -> tuple[pd.DataFrame, Array]:
    """Draw as many spectra at random as the recipe wants."""
    if recipe.sample is None or recipe.sample >= len(catalogue):
        return catalogue, flux
    chosen = np.random.default_rng(recipe.seed).choice(len(catalogue), recipe.sample, replace=False)
    return catalogue.iloc[chosen].reset_index(drop=True), flux[chosen]


def assign_folds(catalogue: pd.DataFrame, recipe: PreprocessConfig) -> Array:
    """Return the fold of each spectrum: no object is in two, all have the classes alike."""
    place = catalogue["PLUG_RA"].round(3).astype(str) + catalogue["PLUG_DEC"].round(3).astype(str)
    name = catalogue["BESTOBJID"].astype(str).str.strip()
    name = name.where(name != "", place)
    label = catalogue["label"].groupby(name).max()
    train, _ = train_test_split(
        label, test_size=recipe.test_fraction, stratify=label, random_state=recipe.seed
    )
    fold = pd.Series(TEST, label.index)
    folds = StratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    for number, (_, held_out) in enumerate(folds.split(train, train)):
        fold[train.index[held_out]] = number
    found: Array = name.map(fold).to_numpy()
    return found


def fill_with_mean(flux: Array, train: Array) -> None:
    """Put the mean spectrum of the training split where a spectrum has no information."""
    mean = np.nanmean(flux[train], axis=0, dtype=np.float64)
    bad = np.isnan(flux)
    flux[bad] = np.broadcast_to(mean, flux.shape)[bad]
