"""Storage: the same operations on a local folder and on a server that speaks S3."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.listing import list_files
from galspec_spark.ingest.stage import ingest
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.warehouse import lock
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.lock import check_free, hold_lock
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.s3_server import BUCKET, s3_server


@pytest.fixture(scope="module")
def s3(spark: SparkSession) -> Iterator[Location]:
    """An empty bucket that this process and Spark's workers can reach."""
    with s3_server() as environment:
        spark.sparkContext.environment.update(environment)
        yield Location.of(f"s3://{BUCKET}")
        for name in environment:
            spark.sparkContext.environment.pop(name)


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "local":
        return Location.of(tmp_path)
    bucket: Location = request.getfixturevalue("s3")
    return bucket / tmp_path.name


def test_files_are_written_listed_moved_and_deleted(folder: Location) -> None:
    assert not folder.exists() or folder.is_local
    odd = folder / "a b/50%+x#y.fits"
    odd.write(b"first")
    odd.write(b"second")
    assert (odd.exists(), odd.is_folder(), odd.parent.is_folder()) == (True, False, True)
    assert odd.read() == b"second"
    assert odd.open().read_at(3, 2) == b"con"
    assert [(file.path, file.size) for file in folder.files()] == [(odd.path, 6)]
    assert odd.status().mtime_ns > 0
    odd.move(folder / "moved.fits")
    assert not odd.exists()
    assert (folder / "moved.fits").read() == b"second"
    (folder / "moved.fits").delete()
    (folder / "moved.fits").delete()  # and again: it is gone
    folder.delete_folder()
    assert not (folder / "moved.fits").exists()
    with pytest.raises(FileNotFoundError):
        (folder / "moved.fits").read()


def test_addresses(tmp_path: Path) -> None:
    assert Location.of(f"file://{tmp_path}/a%20b").path == f"{tmp_path}/a b"
    assert Location.of("s3a://bucket/folder/").path == "s3://bucket/folder"
    assert Location.of("relative").path == str(Path("relative").absolute())
    assert Location.of("s3://bucket//a/../b").path == "s3://bucket//a/../b"  # names of objects
    for address in ("s3://key:planted@bucket/x", "s3://bucket/x?secret_key=planted"):
        with pytest.raises(UserError, match="in the environment") as error:
            Location.of(address)
        assert "planted" not in str(error.value)
        assert "key:" not in str(error.value)
    for address in ("s3:/bucket", "s3:bucket", "S3:/b", "file:x", "hdfs:/x", "http:/u:planted@h"):
        with pytest.raises(UserError, match=r"is neither a path nor an address: write") as error:
            Location.of(address)
        assert "planted" not in str(error.value)
    assert Location.of("./s3:/x").is_local
    with pytest.raises(UserError, match=r"'host'.*file:///path"):
        Location.of("file://host/a")
    with pytest.raises(UserError, match=r"'/latin\\udce9' is not UTF-8 text"):
        Location.of("file:///latin%E9")
    with pytest.raises(UserError, match=r"known are local paths and file, s3, s3a, hdfs"):
        Location.of("gopher://x/y")


def test_a_place_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a b#c?d%20e*"
    (folder / "in").mkdir(parents=True)
    (folder / "x.fits").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to(folder / "in")
    (folder / "own.fits").symlink_to(folder / "x.fits")
    monkeypatch.chdir(folder / "in")
    names = ["..", f"{folder}/", f"/{tmp_path}//{folder.name}/.", f"{tmp_path}/elsewhere/link/.."]
    uri = folder.as_uri()
    names += [uri, f"{uri}/", uri.replace("file://", "file:"), uri.replace("//", "//localhost", 1)]
    names.append(f"file://{tmp_path}/a b#c?d%2520e*")  # not all that may be is quoted
    assert {Location.of(name).path for name in names} == {str(folder)}
    for file in ("x.fits", "own.fits"):  # a link to a file has its own neighbours
        assert {Location.of(f"{name}/{file}").path for name in names} == {f"{folder}/{file}"}


def test_one_writer_at_a_time(folder: Location) -> None:
    with hold_lock(folder, "first") as check:
        check()
        with pytest.raises(UserError, match="another job is writing"), hold_lock(folder, "second"):
            pass
        with pytest.raises(UserError, match="another job is writing"):
            check_free(folder, "looker")
        check()  # to look disturbs nobody
    check_free(folder, "looker")
    with hold_lock(folder, "second"):
        pass


def test_a_look_at_the_lock_refuses_no_writer(tmp_path: Path) -> None:
    (tmp_path / "_lock").touch()
    with (tmp_path / "_lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.02, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with hold_lock(Location.of(tmp_path), "writer"):
            pass


def test_a_waiting_reader_gets_the_lock_when_the_writer_ends(folder: Location) -> None:
    got = threading.Event()

    def wait() -> None:
        with hold_lock(folder, "reader", wait=True):
            got.set()

    with hold_lock(folder, "writer"):
        reader = threading.Thread(target=wait)
        reader.start()
        assert not got.wait(0.5)
    reader.join(10)
    assert got.is_set()


def test_a_dead_claim_is_taken_over_and_its_owner_finds_out(
    s3: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = s3 / tmp_path.name
    monkeypatch.setattr(lock, "DEAD_AFTER", 0.5)  # the server counts in whole seconds
    with hold_lock(folder, "sleeper") as check:
        threading.Event().wait(2.1)  # nothing is renewed so soon: the process seems dead
        check_free(folder, "looker")
        with hold_lock(folder, "next"):
            pass
        with pytest.raises(UserError, match="was lost"):
            check()


def test_ingest_and_preprocess_on_s3(
    spark: SparkSession,
    s3: Location,
    tmp_path: Path,
    run_of: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The whole way with input and warehouse on S3 equals that on local folders."""
    run = run_of(preprocess={"coverage_min": 0.5, "folds": 2})
    local = tmp_path / "survey"
    for seed in range(12):
        path = spec_files.write(local, seed, SUBCLASS=("AGN", "STARFORMING")[seed % 2])
        (s3 / "survey" / path.name).write(path.read_bytes())
    assert list_files([f"{s3}/s*y/spec-000[01].{{fits,fit}}"]).files.num_rows == 2
    (s3 / "survey" / "text.fits").write(b"not FITS")
    remote, here = Warehouse(f"{s3}/warehouse"), Warehouse(tmp_path / "warehouse")
    summary = ingest(spark, run, [f"{s3}/survey"], remote, "dr14")
    ingest(spark, run, [str(local)], here, "dr14")
    assert (summary["read"], summary["quarantined"]) == (12, 1)
    assert ingest(spark, run, [f"{s3}/survey"], remote, "dr14")["skipped"] == 13
    assert preprocess(spark, run, remote)["selected"] == preprocess(spark, run, here)["selected"]
    for table, columns in {
        "spectra": ["spectrum_id", "flux", "subclass"],
        "restframe": ["spectrum_id", "flux", "ivar"],
        "sample": ["spectrum_id", "is_primary", "observations", "split", "fold"],
    }.items():
        ours, theirs = (
            sorted(
                str(row) for row in read_table(spark, warehouse, table).select(*columns).collect()
            )
            for warehouse in (remote, here)
        )
        assert ours == theirs
    assert not (remote.root / "_staging").exists()
    assert "planted" not in caplog.text
    assert not any(b"planted" in Location(file.path).read() for file in remote.root.files())


def test_a_missing_bucket_is_one_clear_line(s3: Location) -> None:
    with pytest.raises(UserError, match=r"input s3://no-such-bucket/x does not exist"):
        list_files(["s3://no-such-bucket/x"])


def test_a_relative_path_is_read_in_one_way() -> None:
    assert Location.of("run") == Location(str(Path("run").absolute()))
    with pytest.raises(ValueError, match=r"run is relative: read what a user gives with"):
        Location("run")
