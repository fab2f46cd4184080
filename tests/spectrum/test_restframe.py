"""The shift to the rest frame against a loop with numpy's interpolation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.spectrum import grid
from galspec_spark.spectrum.masks import good_pixels
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, to_rest_frame
from tests.spec_files import arrays

REJECT = 1 << 24  # SDSS's NODATA


def batch_of(
    spectra: list[dict[str, np.ndarray]], loglam0: list[float], z: list[float]
) -> ObservedBatch:
    table = pa.table(
        {
            **{k: pa.array([s[k] for s in spectra]) for k in ("flux", "ivar", "and_mask")},
            "loglam0": loglam0,
            "z": z,
        }
    )
    return ObservedBatch.from_arrow(table)


@pytest.fixture(scope="module")
def spectra() -> list[dict[str, np.ndarray]]:
    return [arrays(seed, pixels) for seed, pixels in enumerate((3900, 2912, 3858, 4600))]


LOGLAM0 = [3.5601, 3.6, 3.58, 3.5523]
Z = [0.05, 0.0123456, 0.2, 0.003]


def test_equals_interpolation_one_by_one(spectra: list[dict[str, np.ndarray]]) -> None:
    frame = to_rest_frame(batch_of(spectra, LOGLAM0, Z), REJECT)
    for i, (spectrum, loglam0, z) in enumerate(zip(spectra, LOGLAM0, Z, strict=True)):
        observed = loglam0 + 1e-4 * np.arange(len(spectrum["flux"]))
        wanted = grid.loglam() + np.log10(1 + z)
        good = good_pixels(spectrum["flux"], spectrum["ivar"], spectrum["and_mask"], REJECT)
        usable = np.interp(wanted, observed, good.astype(float), left=0, right=0) > 1 - 1e-6
        assert 0.5 < usable.mean() <= 1
        np.testing.assert_array_equal(frame.good[i], usable)
        expected = np.interp(wanted, observed, np.where(good, spectrum["flux"], 0))
        np.testing.assert_allclose(frame.flux[i][usable], expected[usable], rtol=1e-4)


def test_variance_is_propagated(spectra: list[dict[str, np.ndarray]]) -> None:
    """Half a pixel: the mean of two values with known variances."""
    spectrum = {**spectra[0], "ivar": np.full(3900, 4, "f4"), "and_mask": np.zeros(3900, "i4")}
    z = 10 ** (0.5 * grid.LOGLAM_STEP) - 1
    frame = to_rest_frame(batch_of([spectrum], [grid.LOGLAM0 - 0.01], [z]), REJECT)
    np.testing.assert_allclose(frame.ivar[frame.good], 8, rtol=1e-2)


def test_whole_pixels_move_without_change(spectra: list[dict[str, np.ndarray]]) -> None:
    z = 10 ** (100 * grid.LOGLAM_STEP) - 1
    frame = to_rest_frame(batch_of(spectra[:1], [grid.LOGLAM0], [z]), REJECT)
    np.testing.assert_array_equal(
        frame.flux[0][frame.good[0]], spectra[0]["flux"][100 : 100 + grid.PIXELS][frame.good[0]]
    )


def test_no_information_is_a_gap_not_a_zero(spectra: list[dict[str, np.ndarray]]) -> None:
    broken = {name: array.copy() for name, array in spectra[0].items()}
    broken["flux"][1000], broken["ivar"][1100], broken["and_mask"][1200] = np.nan, 0, 1 << 24
    broken["ivar"][1300] = np.nan
    frame = to_rest_frame(batch_of([broken], [grid.LOGLAM0], [0.0]), REJECT)
    assert not frame.good[0, [1000, 1100, 1200, 1300]].any()
    assert (frame.ivar[~frame.good] == 0).all()
    assert np.isfinite(frame.flux).all()
    assert (frame.flux[~frame.good] == 0).all()


def test_outside_the_observed_range() -> None:
    spectrum = arrays(0, 100)
    frame = to_rest_frame(batch_of([spectrum], [3.5], [0.0]), REJECT)
    assert not frame.good.any()
    assert coverage(frame.good) == 0


def test_a_sliced_table_is_read_where_the_slice_is(spectra: list[dict[str, np.ndarray]]) -> None:
    table = pa.table(
        {
            **{k: pa.array([s[k] for s in spectra]) for k in ("flux", "ivar", "and_mask")},
            "loglam0": LOGLAM0,
            "z": Z,
        }
    )
    whole = to_rest_frame(ObservedBatch.from_arrow(table), REJECT)
    part = to_rest_frame(ObservedBatch.from_arrow(table.slice(2, 2)), REJECT)
    np.testing.assert_array_equal(part.flux, whole.flux[2:])


def test_chosen_spectra_are_as_among_all(spectra: list[dict[str, np.ndarray]]) -> None:
    """Neither their neighbours in the flat arrays nor the order changes a pixel."""
    batch = batch_of(spectra, LOGLAM0, Z)
    whole, chosen = to_rest_frame(batch, REJECT), np.array([3, 0])
    for array, of_chosen in zip(whole, to_rest_frame(batch.take(chosen), REJECT), strict=True):
        np.testing.assert_array_equal(of_chosen, array[chosen])


@pytest.mark.parametrize("z", [-0.9, 0.15, 30.0])
def test_neighbours_in_the_batch_do_not_fill_what_was_not_observed(z: float) -> None:
    short, full = arrays(0, 200), arrays(1, 3900)
    batch = batch_of([full, short, full], [3.58, 3.7, 3.58], [0.05, z, 0.05])
    frame = to_rest_frame(batch, REJECT)
    wanted = grid.loglam() + np.log10(1 + z)
    assert not frame.good[1][(wanted < 3.7 - 1e-9) | (wanted > 3.7 + 199e-4 + 1e-9)].any()
    assert frame.good[1].any() == (z == 0.15)
    np.testing.assert_array_equal(frame.flux[0], frame.flux[2])


def test_a_batch_may_be_empty() -> None:
    table = pa.schema(
        [
            (n, pa.list_(t))
            for n, t in (("flux", pa.float32()), ("ivar", pa.float32()), ("and_mask", pa.int32()))
        ]
        + [("loglam0", pa.float64()), ("z", pa.float64())]
    ).empty_table()
    assert to_rest_frame(ObservedBatch.from_arrow(table), REJECT).flux.shape == (0, grid.PIXELS)


def test_only_named_bits_make_a_pixel_bad() -> None:
    mask = np.array([0, 1 << 24, 1 << 16, (1 << 24) | (1 << 16)], "i4")
    ones = np.ones(4, "f4")
    assert good_pixels(ones, ones, mask, REJECT).tolist() == [True, False, True, False]
