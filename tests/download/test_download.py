from __future__ import annotations

import fcntl
import hashlib
import io
import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from galspec_spark.download import templates, transfer
from galspec_spark.download.fetch import GIVE_UP_AFTER, as_finished
from galspec_spark.harness.outcome import DONE, FAILED, WRONG_USAGE
from tests import http_archive as http
from tests import spec_files
from tests.submit import ROOT

SCRIPT = ROOT / "jobs" / "download.py"
REDUX = "dr17/sdss/spectro/redux/26"
LITE = f"{REDUX}/spectra/lite/0266"
FIBER = f"{LITE}/spec-0266-51630-{{:04d}}.fits"
FIRST = FIBER.format(1)
#: Short waits, so that what never works ends soon.
IMPATIENT = {"connect_timeout": 2, "read_timeout": 0.2, "attempts": 3, "pause": 0.001}


def fits(seed: int) -> bytes:
    file = io.BytesIO()
    spec_files.hdus(seed).writeto(file)
    return file.getvalue()


SPECTRA = {FIBER.format(seed + 1): fits(seed) for seed in range(4)}
OTHER_NIGHT = {f"{LITE}/spec-0266-51602-0001.fits": fits(9)}


@pytest.fixture
def archive():
    with http.Archive() as archive:
        archive.files = dict(SPECTRA)
        yield archive


@pytest.fixture
def output(tmp_path):
    return tmp_path / "archive"


def options(archive, output, *more, **settings):
    """Return a command line; it fetches plate 266 into `output` unless `more` says otherwise."""
    which = [] if {"--plates", "--list", "--templates"} & set(more) else ["--plates", "266"]
    words = [*which, *more]
    for name, value in {"--base-url": archive.url, "--output": str(output)}.items():
        words += [] if name in more else [name, value]
    for key, value in {**IMPATIENT, **settings}.items():
        words += ["--set", f"download.{key}={value}"]
    return words


@pytest.fixture
def download(archive, output, monkeypatch, capsys):
    """Run the job in this process; return its exit code, summary and stderr."""

    def run(*more, **settings):
        monkeypatch.setattr(
            "sys.argv", ["download.py", *options(archive, output, *more, **settings)]
        )
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return leaving.value.code, summary_of(output), capsys.readouterr().err

    return run


def summary_of(output):
    path = output / "summary.json"
    return json.loads(path.read_text())["download"] if path.exists() else None


def files_in(output):
    """Return the content of all files but the summary and the lock, by path."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.name not in ("summary.json", "_lock")
    }


def counts(summary):
    return tuple(
        summary[key] for key in ("wanted", "fetched", "already_there", "missing", "failed")
    )


def causes(summary):
    return [failure["cause"] for failure in summary["failures"]]


def test_a_plate_comes_whole_into_the_archives_own_folders(download, archive, output):
    code, summary, _ = download()
    assert code == DONE
    assert files_in(output) == SPECTRA
    assert counts(summary) == (4, 4, 0, 0, 0)
    assert summary["bytes"] == sum(map(len, SPECTRA.values()))
    assert summary["checked_by_sha1"] == 4
    assert (summary["status"], summary["failures"]) == ("done", [])


def test_a_rerun_fetches_nothing(download, archive, output):
    download()
    archive.requests.clear()
    code, summary, _ = download()
    assert code == DONE
    assert counts(summary) == (4, 0, 4, 0, 0)
    assert not any(path.endswith(".fits") for path, _ in archive.requests)


def test_a_night_of_a_plate_can_be_chosen(download, archive, output):
    archive.files |= OTHER_NIGHT
    assert download("--plates", "266-51602")[0] == DONE
    assert files_in(output) == OTHER_NIGHT


def test_a_plate_named_twice_is_fetched_once(download, archive, output):
    code, summary, _ = download("--plates", "266", "0266", "266-51630")
    assert (code, summary["wanted"]) == (DONE, 4)
    assert all(archive.count(path) == 1 for path in SPECTRA)


@pytest.mark.parametrize(
    ("release", "run2d", "folder"),
    [
        ("dr8", "26", "dr8/sdss/spectro/redux/26"),
        ("dr12", "v5_7_0", "dr12/boss/spectro/redux/v5_7_0"),
        ("DR17", "103", "dr17/sdss/spectro/redux/103"),
        ("dr17", "v5_13_2", "dr17/eboss/spectro/redux/v5_13_2"),
        ("dr18", "v5_13_2", "dr18/spectro/sdss/redux/v5_13_2"),
    ],
)
@pytest.mark.parametrize("kind", ["lite", "full"])
def test_each_release_has_its_folders(download, archive, output, release, run2d, folder, kind):
    archive.files = {f"{folder}/spectra/{kind}/10000/spec-10000-57346-0003.fits": fits(0)}
    code, *_ = download("--plates", "10000", "--release", release, "--run2d", run2d, "--kind", kind)
    assert code == DONE
    assert files_in(output) == archive.files


#: Release and path below it of a night of an SDSS-V field, by reduction: the last folder is the
#: night's, before the name of the file.
FIELDS = {
    "v6_0_4": ("dr18", "spectra/{}/15143p/59205/spec-15143-59205-04544940698.fits"),
    "v6_1_3": ("dr19", "spectra/{}/015143/59205/spec-015143-59205-4544940698.fits"),
    "v6_2_1": ("dr20", "spectra/daily/{}/015XXX/015143/59205/spec-015143-59205-4544940698.fits"),
}


def field_files(run2d, kind="lite"):
    """Return a spectrum of a field, and one of another night."""
    release, path = FIELDS[run2d]
    path = f"{release}/spectro/boss/redux/{run2d}/{path.format(kind)}"
    return {path: fits(0)}, {path.replace("59205", "59206"): fits(1)}


@pytest.mark.parametrize("run2d", FIELDS)
@pytest.mark.parametrize("kind", ["lite", "full"])
def test_a_field_of_sdss_v_has_a_folder_for_each_night(download, archive, output, run2d, kind):
    first, second = field_files(run2d, kind)
    archive.files = first | second
    chosen = ["--release", FIELDS[run2d][0], "--run2d", run2d, "--kind", kind]
    code, summary, _ = download("--plates", "15143-59205", *chosen)
    assert (code, summary["checked_by_sha1"]) == (DONE, 1)
    assert files_in(output) == first
    assert download("--plates", "15143", *chosen)[0] == DONE
    assert files_in(output) == first | second


@pytest.mark.parametrize("run2d", FIELDS)
def test_a_list_of_targets_of_sdss_v(download, archive, output, tmp_path, run2d):
    first, second = field_files(run2d)
    archive.files = first | second
    long = next(iter(first)).replace("04544940698", "27021598150202075")
    archive.files[long.replace("4544940698", "27021598150202075")] = fits(2)
    rows = [f"{mjd},{target},15143" for mjd in (59205, 59206) for target in (4544940698,)]
    text = "\n".join(["MJD,CATALOGID,FIELD", *rows, "59205,27021598150202075,15143"])
    path = write_list(tmp_path, text + "\n")
    code, summary, _ = download(
        "--list", str(path), "--release", FIELDS[run2d][0], "--run2d", run2d
    )
    assert (code, summary["fetched"]) == (DONE, 3)
    assert files_in(output) == archive.files


@pytest.mark.parametrize("more", [["--release", "dr17"], ["--release", "dr18", "--kind", "plate"]])
def test_sdss_v_needs_its_release_and_has_no_plates(download, archive, more):
    code, _, stderr = download("--plates", "15143", "--run2d", "v6_0_4", *more)
    assert code == WRONG_USAGE
    assert "v6_0_4 is SDSS-V's: it needs --release dr18 or later" in stderr
    assert not archive.requests


@pytest.mark.parametrize("companions", ["", "v5_13_2/"], ids=["beside", "apart"])
def test_plate_files_come_with_their_companions(download, archive, output, companions):
    folder = "dr17/eboss/spectro/redux/v5_13_2/3586"
    wanted = {
        f"{folder}/spPlate-3586-55181.fits": fits(0),
        f"{folder}/{companions}spZbest-3586-55181.fits": fits(1),
        f"{folder}/{companions}spZline-3586-55181.fits": fits(2),
    }
    other = {
        f"{folder}/spPlate-3586-55200.fits": fits(0),
        f"{folder}/spFlat-b1-00100000.fits.gz": b"",
        f"{folder}/{companions}spZall-3586-55181.fits": b"",
    }
    archive.files = wanted | other
    code, summary, _ = download("--plates", "3586-55181", "--run2d", "v5_13_2", "--kind", "plate")
    assert (code, summary["checked_by_sha1"]) == (DONE, 3)
    assert files_in(output) == wanted


def write_list(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "plate,mjd,fiber\n266,51630,1\n266,51630,3\n",
        "#Table1\nra,PLATE,MJD,fiberID\n1.5,266,51630,3\n1.5,266,51630,1\n1.5,266,51630,3\n",
        "\ufeffFIBER,plate,mjd\n0001,0266,51630\n0003,0266,51630\n",
        "plate,mjd,fiberid,run2d\n266,51630,1, 26\n266,51630,3,26\n",
    ],
    ids=["plain", "of the sky server", "other order", "with run2d"],
)
def test_a_list_of_spectra(download, archive, output, tmp_path, text):
    code, summary, _ = download("--list", str(write_list(tmp_path, text)))
    assert (code, summary["checked_by_sha1"]) == (DONE, 2)
    assert files_in(output) == {FIBER.format(n): SPECTRA[FIBER.format(n)] for n in (1, 3)}


def test_a_list_may_span_plates_nights_and_reductions(download, archive, output, tmp_path):
    eboss = "dr17/eboss/spectro/redux/v5_13_2/spectra/lite"
    other = {
        f"{LITE.removesuffix('0266')}0300/spec-0300-51630-0001.fits": fits(5),
        f"{eboss}/0300/spec-0300-55555-1000.fits": fits(6),
        f"{eboss}/10000/spec-10000-57346-0003.fits": fits(7),
        **OTHER_NIGHT,
    }
    archive.files |= other
    text = """plate,mjd,fiber,run2d
10000,57346,3,v5_13_2
300,51630,1,26
266,51602,1,26
300,55555,1000,v5_13_2
266,51630,1,26
"""
    code, *_ = download("--list", str(write_list(tmp_path, text)))
    assert code == DONE
    assert files_in(output) == {**other, FIRST: SPECTRA[FIRST]}


def test_a_list_of_plate_files_needs_no_fibres(download, archive, output, tmp_path):
    archive.files = {
        f"{REDUX}/0266/spPlate-0266-{mjd}.fits": fits(0) for mjd in (51602, 51630, 51700)
    }
    path = write_list(tmp_path, "plate,mjd\n266,51602\n266,51630\n266,51630\n266,51900\n")
    code, summary, _ = download("--list", str(path), "--kind", "plate")
    assert code == FAILED
    assert counts(summary) == (3, 2, 0, 1, 0)
    assert sorted(files_in(output)) == sorted(archive.files)[:2]


def test_a_list_needs_no_index_and_no_sums(download, archive, caplog, tmp_path):
    archive.script(f"{LITE}/", [http.refuse(403)])
    path = write_list(tmp_path, "plate,mjd,fiber\n266,51630,1\n")
    code, summary, _ = download("--list", str(path))
    assert code == DONE
    assert (summary["fetched"], summary["checked_by_sha1"]) == (1, 0)
    assert "HTTP status 403; files are checked by length alone" in caplog.text


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([http.refuse(503)] * 2, 3),
        ([http.refuse(503, Retry_After="0")], 2),
        ([http.refuse(429, Retry_After="soon")], 2),
        ([http.stall(5)], 2),
        ([http.stall(5, after=3000)], 2),
        ([http.mute], 2),
        ([http.cut(0)], 2),
        ([http.cut(2880)], 2),
        ([http.cut_without_range(2880), http.cut_without_range(0)], 3),
        ([http.claim(2880)], 2),
        ([http.claim(10_000_000)], 3),
        ([http.instead(b"SIMPLE" + bytes(2874))], 2),
        ([http.unmeasured], 1),
        ([http.whole], 1),
    ],
    ids=[
        "503", "Retry-After", "odd Retry-After", "stall", "stall in the body", "mute",
        "cut at once", "cut", "cut without ranges", "too short", "too long", "another file",
        "no length", "no validator",
    ],
)  # fmt: skip
def test_what_passes_is_tried_again(download, archive, output, answers, requests):
    archive.script(FIRST, answers)
    code, summary, _ = download()
    assert (code, summary["fetched"]) == (DONE, 4)
    assert files_in(output) == SPECTRA
    assert archive.count(FIRST) == requests


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (http.refuse(503), "HTTP status 503"),
        (http.refuse(403), "HTTP status 403"),
        (http.mute, "the archive stalled"),
        (http.stall(5, after=10), "the archive stalled"),
        (http.cut_without_range(2880), "the connection was cut"),
        (http.claim(10_000_000), "the connection was cut"),
        (http.claim(2880), "the SHA-1 sum differs"),
        (http.instead(b"SIMPLE" + bytes(2874)), "the SHA-1 sum differs"),
        (http.redirect("file:///etc/passwd"), "a redirect leads away from http"),
        (http.redirect("ftp://127.0.0.1/a.fits"), "a redirect leads away from http"),
        (http.redirect(f"/sas/{FIRST}"), "too many redirects"),
    ],
)
def test_what_does_not_pass_fails_alone(download, archive, output, answer, cause):
    archive.script(FIRST, itertools.repeat(answer))
    code, summary, stderr = download()
    assert code == FAILED
    assert counts(summary) == (4, 3, 0, 0, 1)
    assert summary["failures"] == [{"cause": cause, "count": 1, "first": [FIRST]}]
    assert summary["status"] == "incomplete"
    (line,) = stderr.splitlines()
    assert line.startswith(f"error: 1 of 4 files could not be fetched, 1 because: {cause}")
    assert not (output / FIRST).exists()
    assert archive.count(FIRST) <= 20

    archive.scripts.clear()  # and once it passes, the same command brings the rest
    code, summary, _ = download()
    assert (code, counts(summary)) == (DONE, (4, 1, 3, 0, 0))
    assert files_in(output) == SPECTRA


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (http.claim(3000), "the download is not whole FITS blocks"),
        (http.instead(b"<html>try later</html>"), "the download is not FITS"),
        (http.instead(b""), "the download is not FITS"),
    ],
)
def test_without_sums_a_file_must_still_be_whole_fits(download, archive, output, answer, cause):
    archive.has_sums = False
    archive.script(FIRST, itertools.repeat(answer))
    code, summary, _ = download()
    assert (code, counts(summary)) == (FAILED, (4, 3, 0, 0, 1))
    assert (causes(summary), summary["checked_by_sha1"]) == ([cause], 0)
    assert FIRST not in files_in(output)


@pytest.mark.parametrize(
    "answer",
    [http.endless(), http.endless(Content_Length="9" * 15), http.claim(2_000_001)],
    ids=["no length", "endless length", "claims more"],
)
def test_no_file_is_longer_than_the_limit(download, archive, output, answer):
    archive.script(FIRST, itertools.repeat(answer))
    code, summary, _ = download(file_megabytes=2)
    assert (code, counts(summary)) == (FAILED, (4, 3, 0, 0, 1))
    assert causes(summary) == ["longer than download.file_megabytes"]
    assert archive.count(FIRST) == 1  # asking again would not help
    assert FIRST not in files_in(output)
    assert not list(output.rglob("*.part"))


def test_a_redirect_without_an_end_is_not_read(download, archive, output):
    archive.script(FIRST, [http.endless(302, Location=f"/sas/{FIRST}")])
    assert download()[0] == DONE
    assert files_in(output) == SPECTRA


def test_an_index_has_an_end(download, archive, monkeypatch):
    monkeypatch.setattr(transfer, "PAGE_LIMIT", 1 << 20)
    archive.script(f"{LITE}/", itertools.repeat(http.endless()))
    code, summary, _ = download()
    assert (code, causes(summary)) == (FAILED, ["an index is too long"])
    archive.script(f"{LITE}/", [http.in_small_chunks])
    assert download()[0] == DONE


def test_a_file_that_is_not_there_is_missing_and_no_secret(download, archive, output, tmp_path):
    path = write_list(tmp_path, "plate,mjd,fiber\n266,51630,1\n266,51630,9\n300,51630,1\n")
    code, summary, stderr = download("--list", str(path))
    assert code == FAILED
    assert counts(summary) == (3, 1, 0, 2, 0)
    assert causes(summary) == ["not in the archive"]
    assert "2 of 3 files could not be fetched, 2 because: not in the archive (first: " in stderr
    assert archive.count(FIBER.format(9)) == 1  # asking again would not help


@pytest.mark.parametrize("plates", [["300"], ["266-51631"]], ids=["no folder", "no file"])
def test_a_plate_that_is_not_there_is_missing(download, plates):
    code, summary, _ = download("--plates", *plates)
    assert (code, counts(summary)) == (FAILED, (1, 0, 0, 1, 0))


def test_a_plate_whose_index_fails_does_not_hide_it(download, archive, output):
    archive.script(f"{LITE}/", itertools.repeat(http.refuse(500)))
    code, summary, _ = download()
    assert (code, counts(summary)) == (FAILED, (1, 0, 0, 0, 1))
    assert summary["failures"][0]["first"] == [LITE]


def test_names_that_lead_elsewhere_are_not_followed(download, archive, output):
    evil = "spec-0266-51630-0009.fits"
    archive.links = [
        f"../{evil}",
        f"..%2f{evil}",
        f"%2e%2e/%2e%2e/{evil}",
        f"/sas/{LITE}/../../{evil}",
        f"sub/{evil}",
        f"..\\{evil}",
        f"http://127.0.0.1:9/{evil}",
        f"file:///{evil}",
        f"{evil}%00",
        f"{evil}\n.part",
        "http://[::1",
        "spec-0300-51630-0001.fits",
        "spec-0266-51630-000٢.fits",
        "/etc/passwd",
    ]
    code, summary, _ = download()
    assert (code, counts(summary)) == (DONE, (4, 4, 0, 0, 0))
    assert files_in(output) == SPECTRA
    assert sorted(path.name for path in output.parent.iterdir()) == ["archive"]


def test_links_may_be_paths_or_addresses_of_the_same_folder(download, archive, output):
    names = [path.rpartition("/")[2] for path in SPECTRA]
    page = (
        f'<A HREF="./{names[0]}">1</A> <a class="x" href="/sas/{LITE}/{names[1]}">2</a>'
        f'<a href="{archive.url}/{LITE}/{names[2]}">3</a> <a href="{names[3]}">4'
    )
    archive.script(f"{LITE}/", [http.instead(page.encode())])
    assert download()[0] == DONE
    assert files_in(output) == SPECTRA


def test_sums_that_cannot_be_read_leave_the_length(download, archive, output):
    sums = f"{LITE}/{LITE.replace('/', '_')}.sha1sum"
    archive.script(sums, itertools.repeat(http.refuse(503)))
    code, summary, _ = download()
    assert (code, summary["fetched"], summary["checked_by_sha1"]) == (DONE, 4, 0)


def test_sums_in_other_forms_are_read(download, archive):
    lines = ["a comment", ""]
    for form, (path, content) in zip(
        ("{} *{}", "{}  ./{}", "{}  {}\r"), SPECTRA.items(), strict=False
    ):
        lines.append(form.format(hashlib.sha1(content).hexdigest().upper(), path.split("/")[-1]))
    archive.files[f"{LITE}/{LITE.replace('/', '_')}.sha1sum"] = "\n".join(lines).encode()
    assert download()[1]["checked_by_sha1"] == 3


def test_a_file_at_its_place_that_differs_from_its_sum_is_fetched_again(download, archive, output):
    download()
    (output / FIRST).write_bytes(bytes(2880))
    code, summary, _ = download()
    assert (code, counts(summary)) == (DONE, (4, 1, 3, 0, 0))
    assert files_in(output) == SPECTRA


def interrupted(download, archive, output, size):
    """Leave a part of the first file behind."""
    archive.script(FIRST, [http.cut(size)])
    download(attempts=1)
    assert (output / f"{FIRST}.part").stat().st_size == size
    archive.requests.clear()


def ranges(archive):
    return [wanted for path, wanted in archive.requests if path == FIRST]


def test_a_part_is_gone_on_with(download, archive, output):
    interrupted(download, archive, output, 5000)
    code, *_ = download()
    assert (code, ranges(archive)) == (DONE, ["bytes=5000-"])
    assert files_in(output) == SPECTRA  # and the part is gone


def test_a_file_cut_again_and_again_arrives_in_parts(download, archive, output):
    archive.script(FIRST, [http.cut(9000)] * 8)
    assert download(attempts=2)[0] == DONE
    assert files_in(output) == SPECTRA
    assert ranges(archive) == [None, *(f"bytes={n * 9000}-" for n in range(1, 9))]


def test_a_part_of_a_file_that_changed_is_dropped(download, archive, output):
    interrupted(download, archive, output, 5000)
    archive.files[FIRST] = fits(7)
    assert download()[0] == DONE
    assert (output / FIRST).read_bytes() == fits(7)
    assert ranges(archive) == ["bytes=5000-"]


def other_version(handler, content):
    """Send a range of another version, against the client's If-Range."""
    size = len(content)
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    span = f"bytes {start}-{size - 1}/{size}"
    handler.head(206, size - start, ETag='"new"', Content_Range=span)
    handler.wfile.write(bytes(size - start))


def other_range(handler, content):
    """Send another range than the one asked for."""
    size = len(content)
    span = f"bytes 0-{size - 1}/{size}"
    handler.head(206, size, ETag=http.etag_of(content), Content_Range=span)
    handler.wfile.write(content)


@pytest.mark.parametrize("answer", [other_version, other_range, http.refuse(416), http.whole])
@pytest.mark.parametrize("has_sums", [True, False])
def test_a_part_that_the_server_does_not_go_on_with_is_dropped(
    download, archive, output, answer, has_sums
):
    interrupted(download, archive, output, 2880)
    archive.has_sums = has_sums
    archive.script(FIRST, [answer])
    assert download()[0] == DONE
    assert files_in(output) == SPECTRA


def test_a_part_of_no_known_version_is_dropped(download, archive, output):
    interrupted(download, archive, output, 5000)
    (output / f"{FIRST}.part.validator").unlink()
    assert download()[0] == DONE
    assert ranges(archive) == [None]
    assert files_in(output) == SPECTRA


def test_a_whole_part_is_no_obstacle(download, archive, output):
    interrupted(download, archive, output, 5000)
    (output / f"{FIRST}.part").write_bytes(SPECTRA[FIRST])
    assert download()[0] == DONE
    assert files_in(output) == SPECTRA


def test_the_wait_that_the_archive_asks_for_is_kept_and_bounded(download, archive):
    archive.script(FIRST, [http.refuse(503, Retry_After="0.3"), http.refuse(503, Retry_After="1")])
    started = time.monotonic()
    assert download()[0] == DONE
    assert time.monotonic() - started > 1  # whole seconds alone are valid
    archive.script(FIBER.format(5), [http.refuse(503, Retry_After="3600")])
    archive.files[FIBER.format(5)] = fits(5)
    started = time.monotonic()
    assert download(pause_max=0.01)[0] == DONE
    assert time.monotonic() - started < 2


def test_an_archive_that_is_down_is_given_up(download, archive, output, tmp_path):
    rows = "".join(f"{plate},51630,1\n" for plate in range(1, 1000))
    path = write_list(tmp_path, f"plate,mjd,fiber\n{rows}")
    code, summary, stderr = download(
        "--list", str(path), "--base-url", "http://127.0.0.1:9/sas", attempts=1
    )
    assert code == FAILED
    assert causes(summary) == ["no connection"]
    assert summary["failed"] == GIVE_UP_AFTER
    assert f"gave up after {GIVE_UP_AFTER} failures in a row" in stderr.splitlines()[-1]


def test_damaged_files_do_not_mean_that_the_archive_is_down(download, archive, monkeypatch):
    monkeypatch.setattr("galspec_spark.download.fetch.GIVE_UP_AFTER", 2)
    for path in list(SPECTRA)[:3]:
        archive.script(path, itertools.repeat(http.instead(b"SIMPLE")))
    code, summary, _ = download(connections=1)
    assert (code, counts(summary)) == (FAILED, (4, 1, 0, 0, 3))


def test_the_progress_is_told_in_files(download, archive, caplog, monkeypatch):
    monkeypatch.setattr("galspec_spark.harness.progress.INTERVAL", 0)
    caplog.set_level("INFO")
    download()
    assert f"download: 1 plates from {archive.url}/dr17" in caplog.messages
    assert any("download: 4 of 4 files (100%)" in message for message in caplog.messages)


def test_few_items_are_under_way_at_once():
    begun = []

    def items():
        for number in range(1000):
            begun.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = []
        for result in as_finished(pool, lambda number: -number, items(), window=5):
            results.append(result)
            assert len(begun) - len(results) < 5
    assert sorted(results) == list(range(-999, 1))


def test_a_second_download_into_the_same_folder_is_refused(download, archive, output):
    output.mkdir()
    with (output / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        code, _, stderr = download()
    assert code == FAILED
    assert stderr.splitlines() == [f"error: another job is writing to {output}: wait until it ends"]
    assert not archive.requests
    assert download()[0] == DONE


def test_a_disk_that_refuses_ends_the_job(download, archive, output):
    (output / LITE).parent.mkdir(parents=True)
    (output / LITE).write_bytes(b"a file where a folder should be")
    code, _, stderr = download()
    assert code == FAILED
    assert stderr.splitlines() == [f"error: {output / LITE}: File exists"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--base-url", "file:///etc"], "file:///etc is not an http or https address"),
        (["--base-url", "archive.org"], "archive.org is not an http or https address"),
        (["--base-url", "http://[::1"], "http://[::1 is not an http or https address"),
        (["--base-url", "http://a/?x=1"], "is not an http or https address"),
        (
            ["--base-url", "https://me:secret@a/sas"],
            "--base-url is an address with a user or password",
        ),
        (["--release", "../dr17"], "'../dr17' is not an SDSS release"),
        (["--release", "dr7"], "'dr7' is not an SDSS release"),
        (["--run2d", "../26"], "run2d '../26': expected 26, 103, 104 or"),
        (["--run2d", "v7_0_4"], "run2d 'v7_0_4': expected 26, 103, 104 or"),
        (
            ["--output", "s3://bucket/a"],
            "s3://bucket/a: here a local path is needed",
        ),
        (["--plates", "M31"], "--plates M31: expected a plate (266)"),
        (["--plates", "266-51630-1"], "--plates 266-51630-1: expected a plate (266)"),
        (["--list", "nowhere.csv"], "cannot read the list nowhere.csv: No such file"),
        (["--set", "download.connections=0"], "download.connections"),
    ],
)
def test_wrong_options_are_one_clear_line(download, archive, words, expected):
    code, summary, stderr = download(*words)
    assert (code, summary) == (WRONG_USAGE, None)
    (line,) = stderr.splitlines()
    assert expected in line
    assert not archive.requests


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "has no column plate"),
        ("plate,mjd\n266,51630\n", "has no column fiber"),
        ("plate,mjd,fiber\n", "has no rows"),
        ("plate,mjd,fiber\n266,51630,one\n", "invalid value 'one'"),
        ("plate,mjd,fiber\n266,51630,\n", "invalid value ''"),
        ("plate,mjd,fiber\n266,51630\n", "Expected 3 columns, got 2"),
        ("plate,mjd,fiber\n266,51630,-1\n", "-1 is not a fiber"),
        ("plate,mjd,fiber\n266,1051630,1\n", "1051630 is not a mjd"),
        ("plate,mjd,fiber,run2d\n266,51630,1,../../x\n", "run2d '../../x'"),
        ("plate,mjd,fiber,run2d\n266,51630,1,\n", "run2d ''"),
        (b"\xff\xfe\x00", "can't decode byte 0xff"),
        ("plate,mjd\0,fiber\n", "has no column mjd"),
        ("p" * 200_000, "field larger than field limit"),
        ("plate,mjd,fiber,run2d\n266,51630,1,٢٦\n", "run2d '٢٦'"),
        ("field,mjd,catalogid\n15143,59205,1\n", "run2d 26 needs a column fiber"),
        ("plate,mjd,fiber,run2d\n15143,59205,1,v6_0_4\n", "v6_0_4 needs a column catalogid"),
    ],
    ids=itertools.count(),
)
def test_a_wrong_list_is_one_clear_line(download, archive, tmp_path, text, expected):
    code, _, stderr = download("--list", str(write_list(tmp_path, text)))
    assert code == WRONG_USAGE
    (line,) = stderr.splitlines()
    assert expected in line
    assert not archive.requests


def test_what_to_fetch_is_needed(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["download.py"])
    with pytest.raises(SystemExit) as leaving:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert leaving.value.code == WRONG_USAGE
    assert "--plates --list --templates is required" in capsys.readouterr().err


@pytest.fixture
def start(archive, output):
    """Start the job in a process of its own; it does not outlive the test."""
    jobs = []

    def run(**settings):
        command = [sys.executable, str(SCRIPT), *options(archive, output, **settings)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # Where the tests run in the background, they and their children ignore interrupts.
        as_usual = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        jobs.append(subprocess.Popen(command, **pipes, text=True, preexec_fn=as_usual))
        return jobs[-1]

    yield run
    for job in jobs:
        job.kill()
        job.communicate()


def wait_for_parts(output, archive, count):
    """Wait until so many of the files that have a script have come in part."""
    until = time.monotonic() + 20
    begun = 0
    while begun < count:
        assert time.monotonic() < until
        time.sleep(0.01)
        parts = [output / f"{path}.part" for path in archive.scripts]
        begun = sum(part.exists() and part.stat().st_size > 0 for part in parts)


def test_killed_and_run_again_ends_in_the_same_files(start, archive, output):
    archive.files = {FIBER.format(n): SPECTRA[FIRST] for n in range(1, 41)}
    for number, path in enumerate(archive.files):
        if number % 4 == 3:
            archive.script(path, [http.stall(60, after=70_000)])
    job = start(read_timeout=60, connections=6)
    wait_for_parts(output, archive, 6)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    assert 0 < len(list(output.rglob("*.fits"))) < 40
    archive.scripts.clear()
    job = start(read_timeout=60)
    _, stderr = job.communicate(timeout=30)
    assert job.returncode == DONE, stderr
    assert 0 < summary_of(output)["already_there"] < 40
    assert files_in(output) == archive.files
    assert sum(wanted is not None for _, wanted in archive.requests) == 6  # parts were gone on with


def test_an_interrupt_ends_the_job_with_one_line(start, archive, output):
    archive.script(FIRST, [http.stall(60, after=70_000)] * 9)
    job = start(read_timeout=0.5, attempts=9)  # time to notice the part on a busy machine
    wait_for_parts(output, archive, 1)
    job.send_signal(signal.SIGINT)
    _, stderr = job.communicate(timeout=30)
    assert job.returncode == FAILED
    assert stderr.splitlines()[-1] == "error: interrupted; run the same command again to go on"


def test_templates_are_fetched_once_and_checked(download, archive, output, monkeypatch):
    content = fits(1)
    archive.files = {"templates/stars.fits": content}
    monkeypatch.setattr(templates, "ADDRESS", archive.url + "/templates/stars.fits")
    code, _, stderr = download("--templates")
    assert code == FAILED
    assert stderr.splitlines()[-1].endswith("could not be fetched: the SHA-1 sum differs")
    assert not (output / "stars.fits").exists()
    monkeypatch.setattr(templates, "SHA1", hashlib.sha1(content).hexdigest())
    code, summary, _ = download("--templates")
    assert (code, summary["fetched"]) == (DONE, True)
    assert (output / "stars.fits").read_bytes() == content
    assert download("--templates")[1]["fetched"] is False


@pytest.mark.skipif(
    "GALSPEC_REAL_SPECTRA" not in os.environ, reason="GALSPEC_REAL_SPECTRA is not set"
)
def test_real_spectra_come_as_they_are(download, archive, output, tmp_path):
    folder = Path(os.environ["GALSPEC_REAL_SPECTRA"])
    paths = sorted(folder.glob("dr14/sdss/spectro/redux/26/spectra/lite/*/*.fits"))[:60]
    archive.files = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    archive.has_sums = False
    for path in list(archive.files)[::7]:
        archive.script(path, [http.cut(50_000), http.refuse(503), http.stall(1, after=3000)])
    rows = [path.removesuffix(".fits").split("-")[1:] for path in archive.files]
    text = "plate,mjd,fiber\n" + "".join(f"{','.join(row)}\n" for row in rows)
    path = write_list(tmp_path, text)
    code, *_ = download("--list", str(path), "--release", "dr14", attempts=4)
    assert code == DONE
    assert files_in(output) == archive.files
