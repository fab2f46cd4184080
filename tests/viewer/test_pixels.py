"""What the page keeps of pixels: less is lost than their noise, and they are small."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.viewer.pixels import NOISE_BIN, decode, encode
from galspec_spark.viewer.reconstruction import LowRank


def spectrum(seed: int, sn: float) -> tuple[np.ndarray, np.ndarray]:
    """Return flux with lines and ivar with a bad end, sky lines and gaps."""
    random = np.random.default_rng(seed)
    pixel = np.arange(PIXELS)
    truth = 1 + 0.3 * np.sin(pixel / 400) + 5 * np.exp(-0.5 * ((pixel - 2490) / 3) ** 2)
    noise = (1 + 2 * np.exp(-pixel / 300)) / sn
    noise[random.choice(PIXELS, 40)] *= 8
    ivar = noise**-2
    ivar[:50] = ivar[random.choice(PIXELS, 20)] = 0
    flux = np.where(ivar > 0, truth + noise * random.normal(size=PIXELS), 0)
    return flux.astype(np.float32), ivar.astype(np.float32)


@pytest.mark.parametrize("sn", [0.5, 10, 200])
def test_less_is_lost_than_the_noise(sn: float) -> None:
    flux, ivar = spectrum(1, sn)
    found = decode(encode(flux, ivar), PIXELS)
    good = ivar > 0
    np.testing.assert_array_equal(np.isfinite(found.flux), good)
    error = np.abs(found.flux - flux)[good] * np.sqrt(ivar[good])
    assert np.quantile(error, 0.95) <= 0.25
    assert error.max() <= 0.6
    noise = np.repeat(found.noise, NOISE_BIN)[:PIXELS]
    ratio = noise[good] * np.sqrt(ivar[good])
    assert np.quantile(np.abs(ratio - 1), 0.9) < 0.05


def test_a_flux_far_above_its_noise_keeps_its_shape() -> None:
    flux, ivar = spectrum(1, 1e7)  # a step of the noise would not fit into 16 bits
    found = decode(encode(flux, ivar), PIXELS).flux
    good = ivar > 0
    assert np.abs(found - flux)[good].max() < 1e-3 * flux.max()


def test_a_spectrum_without_a_good_pixel_has_no_text() -> None:
    flux, ivar = spectrum(1, 10)
    assert encode(flux, np.zeros_like(ivar)) is None
    ivar[100:] = 0
    assert np.isfinite(decode(encode(flux, ivar), PIXELS).flux).sum() == (ivar > 0).sum()


def test_reconstructions_of_few_dimensions_are_kept() -> None:
    random = np.random.default_rng(2)
    spectra = 1 + random.normal(size=(30, 20)) @ random.normal(size=(20, PIXELS)) / 20
    spectra[7] = np.nan
    stored = LowRank.of(spectra)
    assert len(stored.scales) == 21
    np.testing.assert_allclose(stored.decode(), spectra, atol=1e-3)
