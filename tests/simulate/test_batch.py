from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from galspec_spark.config import SimulateConfig
from galspec_spark.simulate import sky
from galspec_spark.simulate.batch import Batch, simulate_block
from galspec_spark.simulate.emission import LINES
from galspec_spark.simulate.kinds import BLOCK, Kind
from galspec_spark.simulate.speclite_tables import spzline
from tests.simulate.conftest import SEED

CONFIG = SimulateConfig(seed=SEED)


def arrays(value: Any) -> Iterator[npt.NDArray[Any]]:
    """Yield every array of a batch, however deep."""
    if isinstance(value, np.ndarray):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from arrays(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from value.values()
    else:
        for part in value:
            yield from arrays(part)


def joined(survey: list[Batch], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(batch, name) for batch in survey])


def test_a_block_is_the_same_whatever_was_drawn_before(survey: list[Batch]) -> None:
    again = simulate_block(3, CONFIG)
    pairs = list(zip(arrays(survey[3]), arrays(again), strict=True))
    assert len(pairs) > 40
    for before, now in pairs:
        np.testing.assert_array_equal(before, now)


def test_blocks_and_seeds_differ(survey: list[Batch]) -> None:
    other_seed = simulate_block(3, SimulateConfig(seed=4))
    assert not np.allclose(survey[3].visits.flux, survey[4].visits.flux)
    assert not np.allclose(survey[3].visits.flux, other_seed.visits.flux)


def test_all_values_are_finite(survey: list[Batch]) -> None:
    for batch in survey:
        for array in (*arrays(batch.objects), *arrays(batch.visits)):
            assert np.isfinite(array).all()
        lines = spzline(batch)
        for name in lines.dtype.names or ():
            assert lines.dtype[name].kind == "S" or np.isfinite(lines[name]).all()


def test_main_sample_has_its_median_sn_and_redshift(survey: list[Batch]) -> None:
    galaxy = np.concatenate([batch.objects.kind for batch in survey]) < Kind.STAR
    sn = np.concatenate([batch.sn_median() for batch in survey])[galaxy]
    assert 13 < np.median(sn) < 17
    assert 0.08 < np.median(joined(survey, "z")[galaxy]) < 0.12


def test_main_sample_has_all_classes(survey: list[Batch]) -> None:
    galaxy = joined(survey, "cls") == "GALAXY"
    subclass = joined(survey, "subclass")[galaxy]

    def share(*words: str) -> float:
        return float(np.mean([name.split(" ")[0] in words for name in subclass]))

    assert 0.40 < share("", "BROADLINE") < 0.65
    assert 0.25 < share("STARFORMING", "STARBURST") < 0.45
    assert 0.05 < share("AGN") < 0.15
    assert {"STAR", "QSO"} <= set(joined(survey, "cls"))
    assert (joined(survey, "zwarning") & 1).any(), "no sky fibre"


def test_a_table_of_redshift_and_sn_is_followed() -> None:
    selection = np.array([[0.02, 60.0], [0.1, 15.0], [0.3, 6.0]])
    config = SimulateConfig(repeats=0, stars=0, quasars=0, sky_fibres=0)
    batch = simulate_block(1, config, selection)
    wanted = selection[(BLOCK + np.arange(BLOCK)) % 3]
    well = batch.zwarning & 4 == 0
    np.testing.assert_allclose(batch.z[well], wanted[well, 0], atol=1e-3)
    np.testing.assert_allclose(batch.sn_median(), wanted[:, 1], rtol=0.15)


def test_repeats_observe_the_same_galaxy_anew(survey: list[Batch]) -> None:
    batch = survey[0]
    repeat = np.flatnonzero(batch.identity.object != batch.identity.index)
    first = batch.identity.object[repeat] - batch.identity.index[0]
    assert len(repeat) == round(CONFIG.repeats * BLOCK)
    np.testing.assert_array_equal(batch.objects.redshift[repeat], batch.objects.redshift[first])
    assert not np.isin(batch.identity.plate[repeat], batch.identity.plate[first]).any()
    assert not np.isin(batch.identity.mjd[repeat], batch.identity.mjd[first]).any()
    assert not np.allclose(batch.visits.flux[repeat], batch.visits.flux[first])
    dec = np.radians(batch.identity.dec)
    offset = np.hypot(
        (batch.identity.ra[repeat] - batch.identity.ra[first]) * np.cos(dec[first]),
        batch.identity.dec[repeat] - batch.identity.dec[first],
    )
    assert 0 < offset.max() * 3600 < 1


def test_another_seed_has_other_objects_and_another_sky(survey: list[Batch]) -> None:
    first, other = survey[0].identity, simulate_block(0, SimulateConfig(seed=4)).identity
    for name in ("index", "object", "plate"):
        assert not np.isin(getattr(first, name), getattr(other, name)).any()
    assert abs(first.ra.mean() - other.ra.mean()) > 3


def test_no_two_spectra_share_plate_mjd_and_fiber(survey: list[Batch]) -> None:
    names = {
        name
        for batch in survey
        for name in zip(batch.identity.plate, batch.identity.mjd, batch.identity.fiber, strict=True)
    }
    assert len(names) == len(survey) * BLOCK


def test_pixels_outside_the_window_and_lost_ones_have_no_information(survey: list[Batch]) -> None:
    pixel = np.arange(sky.PIXELS)
    for batch in survey:
        visits = batch.visits
        inside = (pixel >= visits.first[:, None]) & (pixel < visits.stop[:, None])
        assert (visits.ivar[~inside] == 0).all()
        lost = inside & (visits.ivar == 0)
        assert (visits.and_mask[lost] != 0).all(), "a lost pixel has a reason in the mask"
        assert (visits.or_mask & visits.and_mask == visits.and_mask).all()
        assert (visits.ivar >= 0).all()
        assert 10 ** (sky.loglam()[visits.first]).min() > 3780


def test_noise_is_what_ivar_says(survey: list[Batch]) -> None:
    faint = [(b.visits, b.objects.kind == Kind.SKY) for b in survey]
    wave = sky.wavelength()
    quiet = (wave > 4500) & (wave < 5400)
    pulls = np.concatenate(
        [((v.flux - v.model) * np.sqrt(v.ivar))[rows][:, quiet].ravel() for v, rows in faint]
    )
    pulls = pulls[pulls != 0]
    assert len(pulls) > 10_000
    assert 0.9 < pulls.std() < 1.2


def test_lines_are_found_as_they_were_drawn(survey: list[Batch]) -> None:
    line = LINES.index("oiii_5007")
    true = np.concatenate([batch.visits.line_flux[:, line] for batch in survey])
    found = [batch.lines.line("oiii_5007") for batch in survey]
    area, error = (np.concatenate([f[name] for f in found]) for name in ("area", "area_err"))
    strong = (error > 0) & (true > 8 * error)
    strong &= joined(survey, "zwarning") & 5 == 0
    ratio = area[strong] / true[strong]  # with 6 % of errors in the calibration
    assert strong.sum() > 100
    assert 0.95 < np.median(ratio) < 1.05
    assert np.median(np.abs(ratio - 1)) < 0.12


def test_stars_leave_what_sdss_templates_leave_of_balmer_lines(survey: list[Batch]) -> None:
    """A galaxy without emission has H beta in absorption, by its templates; not by much."""
    quiet = np.concatenate([b.visits.line_flux[:, LINES.index("h_beta")] for b in survey])
    found = [batch.lines.line("h_beta") for batch in survey]
    width, error, level = (
        np.concatenate([f[name] for f in found]) for name in ("ew", "area_err", "continuum")
    )
    kind = np.concatenate([batch.objects.kind for batch in survey])
    chosen = (kind == Kind.QUIESCENT) & (error > 0) & (quiet < 0.2 * level)
    assert chosen.sum() > 50
    assert -1.5 < np.median(width[chosen]) < -0.3
