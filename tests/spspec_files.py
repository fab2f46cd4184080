"""Small spSpec files made with astropy: an independent writer for the tests of our reader."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits

PIXELS = 400
CARDS = {
    "PLATEID": 355, "MJD": 51788, "FIBERID": 79, "COEFF0": 3.5806, "COEFF1": 1e-4,
    "RAOBJ": 259.92662, "DECOBJ": 57.977138, "OBJTYPE": "GALAXY", "SPEC_CLN": 2,
    "Z": 0.0725, "Z_ERR": 0.00025, "Z_WARNIN": 32, "SN_G": 23.5,
}  # fmt: skip


def spspec(rows: int = 4, masks: bool = True, **cards: Any) -> bytes:
    """Return a spSpec file; `cards` replaces those of its header, None removes one."""
    random = np.random.default_rng(0)
    image = random.normal(10, 2, (rows, PIXELS)).astype("f4")
    image[2:3] = random.uniform(-0.2, 2, PIXELS)  # some errors say: no information
    image[2:3, :3] = 0
    primary = fits.PrimaryHDU(image)
    known = {**CARDS, **cards}
    primary.header.update({name: value for name, value in known.items() if value is not None})
    lines = fits.BinTableHDU.from_columns([fits.Column("restWave", "E", array=[6564.6])])
    and_mask = random.integers(0, 1 << 30, PIXELS)
    columns = [
        fits.Column("andMask", "J", array=and_mask),
        fits.Column("orMask", "J", array=and_mask | 1),
        fits.Column("dispersion", "E", array=np.ones(PIXELS)),
    ]
    mask_table = fits.BinTableHDU.from_columns(columns)
    buffer = io.BytesIO()
    fits.HDUList([primary, *[lines] * 5, *([mask_table] if masks else [])]).writeto(buffer)
    return buffer.getvalue()
