"""Compare a release with the training set: one pass over its catalogue, and the model's profile.

The driver reads the narrow columns in batches: memory does not depend on the size of a release.

A distribution has drifted where it is further from the training set's than the configuration allows
and than chance explains. Distances: the population stability index (PSI) over ten bins of equal
count, and the Kolmogorov-Smirnov distance at the percentiles. Shares of the spectra (AGN, outliers,
left out) are compared by their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.config import DriftConfig
from galspec_spark.harness.run import Run
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.ml.model.drift import Check, Counts, Drift
from galspec_spark.ml.model.profile import QUANTITIES, Profile, Tally, tally
from galspec_spark.report.drift import draw_drift
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import NOT_DRAWN
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

DRIFT = "drift.json"
PSI_BINS = 10
PROPERTIES = ("agn", "outlier", "left_out")
#: Columns of the catalogue that are read.
COLUMNS = (*QUANTITIES, "features", "margin", "flags", "reason")


def drift(
    run: Run,
    warehouse: Warehouse,
    model: Path,
    release: str,
    output: Path,
) -> dict[str, object]:
    """Compare a classified release with the training set of the model.

    Parameters
    ----------
    output
        Gets ``drift.json`` and ``figures/drift.png``.

    Returns
    -------
    dict
        The summary; ``findings`` are the checks that drifted, the furthest beyond its limit first,
        and ``found`` the same in words.

    Raises
    ------
    UserError
        If the model cannot be used, or has not classified the release.
    """
    bundle = load_bundle(model)
    profile = bundle.profile
    found = tally_release(catalog_parts(warehouse, bundle.id, release), profile)
    checks = compare(profile, found, run.config.drift)
    findings = sorted(
        (check for check in checks if check.drifted), key=lambda check: -check.value / check.limit
    )
    content = Drift(
        release=release,
        model=bundle.id,
        **run.columns(),
        spectra=sum(found.shares["left_out"]),
        classified=sum(found.shares["agn"]),
        drifted=bool(findings),
        findings=findings,
        checks=checks,
        shares=Counts(train=profile.shares, release=found.shares),
        edges=profile.edges,
        bins=Counts(train=profile.bins, release=found.bins),
    )
    write_json(output / DRIFT, content)
    figure = output / "figures" / "drift.png"
    Location.of(figure).write(draw_drift(content))
    return {
        "model": content.model,
        "release": content.release,
        "spectra": content.spectra,
        "classified": content.classified,
        "findings": findings,
        "found": [check.in_words() for check in findings],
        "report": str(figure),
    }


def tally_release(parts: Sequence[Location], profile: Profile) -> Tally:
    """Count a release in one pass; its draw, if it had one, says nothing about the data."""
    batches = (
        _with_properties(batch)
        for part in parts
        for batch in open_part(part).iter_batches(columns=list(COLUMNS))
    )
    return tally(batches, profile.edges, PROPERTIES)


def _with_properties(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Add `PROPERTIES`, null where one is not known."""
    rows = batch.filter(pc.fill_null(pc.not_equal(batch["reason"], NOT_DRAWN), True))
    is_used = rows["reason"].is_null()
    is_outlier = pc.not_equal(pc.bit_wise_and(rows["flags"], 1 << FLAG_BITS["OUTLIER"]), 0)
    properties = {
        "agn": pc.greater_equal(rows["margin"], 0.0),
        "outlier": pc.if_else(is_used, is_outlier, None),
        "left_out": pc.invert(is_used),
    }
    for name in PROPERTIES:
        rows = rows.append_column(name, properties[name])
    return rows


def compare(profile: Profile, found: Tally, limits: DriftConfig) -> list[Check]:
    """Check all quantities and shares.

    A p-value counts as small where it is below the configured level divided by the number of
    checks (Bonferroni), so that an undisturbed release passes all of them.
    """
    checks = [
        *_distributions(profile, found, limits),
        *_shares(profile, found, limits),
    ]
    level = limits.significance / len(checks)
    return [
        replace(check, drifted=check.value > check.limit and check.p_value < level)
        for check in checks
    ]


def _distributions(profile: Profile, found: Tally, limits: DriftConfig) -> Iterator[Check]:
    for name, counts in profile.bins.items():
        train, release = np.array(counts, float), np.array(found.bins[name], float)
        if not release.sum():
            continue
        psi, p_psi = stability_index(_merged(train), _merged(release))
        yield Check(name, "psi", psi, limits.psi_max, p_psi, drifted=False)
        distance, p_ks = kolmogorov_smirnov(train[:-1], release[:-1])
        yield Check(name, "ks", distance, limits.ks_max, p_ks, drifted=False)


def _shares(profile: Profile, found: Tally, limits: DriftConfig) -> Iterator[Check]:
    allowed = {
        "agn": limits.agn_share_max,
        "outlier": limits.outlier_share_max,
        "left_out": limits.left_out_share_max,
    }
    for name, limit in allowed.items():
        if name not in profile.shares:  # no outliers without a reconstruction error
            continue
        train, release = profile.shares[name], found.shares[name]
        if sum(release):
            shares = [counts[1] / max(sum(counts), 1) for counts in (train, release)]
            p_value = float(stats.fisher_exact([train, release]).pvalue)
            change = abs(shares[1] - shares[0])
            yield Check(name, "share", change, limit, p_value, False, shares[0], shares[1])


def stability_index(train: Doubles, release: Doubles) -> tuple[float, float]:
    """Return the population stability index of counts, and its p-value.

    The index is the sum of (q - p) ln(q / p) over bins. Half a count is added to each bin: an empty
    bin would make it infinite. Times n m / (n + m) it is distributed as chi-squared with bins - 1
    degrees of freedom where both are drawn from the same (Yurdakul and Naranjo 2020, J. Risk Model
    Validation 14, 4).
    """
    n, m = train.sum(), release.sum()
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (train, release))
    index = float(np.sum((q - p) * np.log(q / p)))
    return index, float(stats.chi2.sf(index * n * m / (n + m), len(train) - 1))


def kolmogorov_smirnov(train: Doubles, release: Doubles) -> tuple[float, float]:
    """Return the greatest distance between cumulated shares at the bins' edges, and its p-value.

    It is the two-sample Kolmogorov-Smirnov statistic but for what happens within a bin, which makes
    it smaller and the p-value, by the asymptotic distribution, larger.
    """
    n, m = train.sum(), release.sum()
    if not n or not m:
        return 0.0, 1.0
    distance = float(np.abs(train.cumsum() / n - release.cumsum() / m).max())
    return distance, float(stats.kstwobign.sf(distance * np.sqrt(n * m / (n + m))))


def _merged(counts: Doubles) -> Doubles:
    """Merge bins into ten, and keep that of the missing values where there are any."""
    groups: Sequence[npt.NDArray[np.float64]] = np.array_split(counts[:-1], PSI_BINS)
    merged = [group.sum() for group in groups if len(group)]
    return np.array([*merged, counts[-1]])
