"""Damaged files of all formats: read to what astropy reads, or quarantined; none silently wrong.

More of it: ``make faults``, or with another seed ``GALSPEC_MUTATIONS=2000
GALSPEC_MUTATION_SEED=7 pytest tests/ingest/test_corruption.py``.

We are stricter than astropy, which reads these at wrong places or not as meant: columns that do not
fill a row, pixels or columns of another type than the data model's, cards of the layout twice,
mandatory cards in another order, texts that are not ASCII, files that are not whole blocks. We are
as lenient in this: a column or card that may be missing is null where its name is damaged, and a
card that nobody asks for may be anything. We are more lenient in one thing: an unreadable CHECKSUM
hides a unit, and all after it, from astropy, not from us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source, unpacked
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests import (
    desi_files,
    lamost_files,
    mutations,
    oracle,
    plate_files,
    spec_files,
    spspec_files,
)

COUNT = int(os.environ.get("GALSPEC_MUTATIONS", "100"))
IN_ONE_JOB = COUNT // 2
SEED = int(os.environ.get("GALSPEC_MUTATION_SEED", "20260131"))


@dataclass(frozen=True)
class Case:
    """A file that is read, and those beside it."""

    kind: str
    name: str
    files: dict[str, bytes]


def synthetic() -> list[Case]:
    """Return files of all formats, made up."""
    to_bytes = plate_files.to_bytes
    fibers = np.arange(1, plate_files.FIBERS + 1)
    plate = {
        "spPlate-0266-51630.fits": to_bytes(plate_files.plate(RUN2D="26")),
        "spZbest-0266-51630.fits": to_bytes(plate_files.spzbest(fibers)),
        "spZline-0266-51630.fits": to_bytes(plate_files.spzline(fibers)),
    }
    coadd = "coadd-sv3-bright-12345.fits"
    desi = {
        coadd: to_bytes(desi_files.coadd(SURVEY="sv3", PROGRAM="bright", HPXPIXEL=12345)),
        coadd.replace("coadd", "redrock"): to_bytes(desi_files.redrock()),
    }
    return [
        Case("sdss-plate", "spPlate-0266-51630.fits", plate),
        Case("desi-coadd", coadd, desi),
        Case("sdss-spec", "spec.fits", {"spec.fits": to_bytes(spec_files.hdus())}),
        Case("sdss-v-spec", "new.fits", {"new.fits": to_bytes(spec_files.sdss_v())}),
        Case("sdss-v-spec", "old.fits", {"old.fits": to_bytes(spec_files.sdss_v(dr18=True))}),
        Case("lamost-lrs", "image.fits", {"image.fits": to_bytes(lamost_files.image())}),
        Case("lamost-lrs", "image8.fits", {"image8.fits": to_bytes(lamost_files.image("f8"))}),
        Case("lamost-lrs", "table.fits", {"table.fits": to_bytes(lamost_files.table())}),
        Case("sdss-spspec", "spSpec.fit", {"spSpec.fit": spspec_files.spspec()}),
    ]


def real() -> list[Case]:
    """Return the real files that are read, where there are any."""
    if "GALSPEC_REAL_FORMATS" not in os.environ:
        return []
    folder = Path(os.environ["GALSPEC_REAL_FORMATS"])
    cases = []
    for path in sorted(folder.glob("*.fit*")):
        files = {path.name: path.read_bytes()}
        beside = path.with_name(path.name.replace("coadd-", "redrock-"))
        files[beside.name] = beside.read_bytes()
        try:
            kind, rows = read(Case("", path.name, files))
        except BadFile:
            continue
        if rows:
            cases.append(Case(kind, path.name, files))
    return cases


def read(case: Case) -> tuple[str, list[oracle.Row]]:
    """Read a case as a task of ingest does."""

    def beside(name: str) -> bytes | None:
        return unpacked(case.files[name]) if name in case.files else None

    return read_spectra(Source(case.name, unpacked(case.files[case.name]), beside))


def outcome(case: Case) -> str:
    """Return how a damaged case ends: what is wrong if it begins with ``wrong``."""
    try:
        kind, rows = read(case)
    except BadFile as error:
        return error.reason if error.message else "wrong: no message"
    if kind != case.kind:
        return f"wrong: it is taken for {kind}"
    try:
        expected = oracle.spectra(kind, case.files[case.name], case.name, case.files)
    except Exception as error:  # noqa: BLE001 - astropy raises anything on damaged files
        return f"wrong: astropy refuses it: {type(error).__name__}: {error}"
    found = oracle.differences(rows, expected, oracle.REGULAR)
    return f"wrong: {found[0]}" if found else "read"


def damaged(cases: list[Case], random: np.random.Generator) -> tuple[str, Case]:
    """Damage one file of a case drawn at random; say which and how."""
    case = cases[int(random.integers(len(cases)))]
    name = str(random.choice(list(case.files)))
    how, content = mutations.damaged(case.files[name], random)
    return f"{name}: {how}", replace(case, files={**case.files, name: content})


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return synthetic() + real()


def test_damage_is_read_as_astropy_reads_it_or_quarantined(
    cases: list[Case], capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    for number in range(COUNT):
        how, case = damaged(cases, np.random.default_rng([SEED, number]))
        result = outcome(case)
        outcomes[result.split(":")[0]] += 1
        if result.startswith("wrong"):
            wrong.append(f"{number}: {how}: {result}")
    with capsys.disabled():
        sys.stdout.write(f" seed {SEED}, {COUNT} files: {dict(outcomes.most_common())} ")
    assert not wrong, f"GALSPEC_MUTATION_SEED={SEED}:\n" + "\n".join(wrong)


def test_damaged_files_never_stop_the_job(
    spark: SparkSession, tmp_path: Path, cases: list[Case], run_of: Callable[..., Run]
) -> None:
    """Each file ends in the warehouse as it does in the reader, the healthy one among them too."""
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    expected = {}
    for number in range(IN_ONE_JOB):
        _, case = damaged(cases, np.random.default_rng([SEED, number]))
        folder = survey / f"{number:04d}"
        folder.mkdir(parents=True)
        for name, content in case.files.items():
            (folder / name).write_bytes(content)
        expected[str(folder / case.name)] = ended(case)
    spec_files.write(survey, 0, PLUG_RA=float("inf"), PLUG_DEC=1e300)
    (survey / "dangling.fits").symlink_to(tmp_path / "nowhere")
    expected[str(survey / "spec-0000.fits")] = 1
    expected[str(survey / "dangling.fits")] = "unreadable"

    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert summary["files"] == summary["read"] + summary["quarantined"]
    parts = [open_part(part).read() for part in warehouse.parts("files")]
    found = {
        row["path"]: row["rows"] if row["status"] == "read" else row["reason"]
        for row in pa.concat_tables(parts).to_pylist()
    }
    assert {path: found[path] for path in expected} == expected
    spectra = [open_part(part).metadata.num_rows for part in warehouse.parts("spectra")]
    assert sum(spectra) == summary["spectra"]
    assert len(found) == summary["files"]


def ended(case: Case) -> int | str:
    """Return how many rows a case has, or why it is refused."""
    try:
        return len(read(case)[1])
    except BadFile as error:
        return error.reason


def test_bombs_are_refused_soon_and_in_bounded_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bombs"], capture_output=True, text=True, check=False
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert len(outcomes) > 20
    expected = {"too_large", "truncated", "malformed", "not_fits", "unknown_format"}
    for name, reason, message, seconds in outcomes:
        assert reason in expected, name
        assert "MemoryError" not in message, name
        assert seconds < 5, name
