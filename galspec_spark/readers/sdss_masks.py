"""Bits of a pixel's AND_MASK and OR_MASK in SDSS, BOSS and eBOSS: SPPIXMASK.

https://www.sdss4.org/dr17/algorithms/bitmasks/#SPPIXMASK
"""

from __future__ import annotations

from galspec_spark.spectrum.masks import PixelMask

#: Bits 0-12 concern a whole fibre.
BITS: dict[str, int] = {
    "NOPLUG": 0,  # fibre not listed in the plug map
    "BADTRACE": 1,  # bad trace from the flat field
    "BADFLAT": 2,  # low counts in the fibre flat
    "BADARC": 3,  # bad arc solution
    "MANYBADCOLUMNS": 4,  # more than 10 % of pixels are bad columns
    "MANYREJECTED": 5,  # more than 10 % of pixels rejected in extraction
    "LARGESHIFT": 6,  # large spatial shift between flat and object
    "BADSKYFIBER": 7,  # sky fibre with extreme residuals
    "NEARWHOPPER": 8,  # within 2 fibres of a very bright source
    "WHOPPER": 9,  # a very bright source
    "SMEARIMAGE": 10,  # smear available for red and blue
    "SMEARHIGHSN": 11,  # smear at high S/N
    "SMEARMEDSN": 12,  # smear at medium S/N
    "NEARBADPIXEL": 16,  # bad pixel within 3 pixels of the trace
    "LOWFLAT": 17,  # flat field below 0.5
    "FULLREJECT": 18,  # all pixels of the extraction rejected
    "PARTIALREJECT": 19,  # some pixels of the extraction rejected
    "SCATTEREDLIGHT": 20,  # scattered light is significant
    "CROSSTALK": 21,  # cross-talk is significant
    "NOSKY": 22,  # sky level unknown here
    "BRIGHTSKY": 23,  # sky level above flux + 10 sigma and above 1.25 times the local sky
    "NODATA": 24,  # no data available in B-spline
    "COMBINEREJ": 25,  # rejected when combining exposures
    "BADFLUXFACTOR": 26,  # low flux calibration or correction factor
    "BADSKYCHI": 27,  # relative chi^2 above 3 in sky residuals
    "REDMONSTER": 28,  # a contiguous region of bad chi^2 in sky residuals
}

#: The others only warn.
PIXEL_MASK = PixelMask(
    BITS,
    bad=("FULLREJECT", "NOSKY", "BRIGHTSKY", "NODATA"),
    bad_sky=("BADSKYCHI", "REDMONSTER"),
)
