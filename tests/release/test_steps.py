"""Steps are resumed, skipped where nothing changed, and their file always says how far they are."""

from __future__ import annotations

import json

import pytest

from galspec_spark.harness.run import Run
from galspec_spark.release.steps import Step, Steps
from galspec_spark.warehouse.storage import Location

NAMES = ["read", "sum"]


@pytest.fixture
def place(tmp_path) -> Location:
    return Location.of(tmp_path / "run.json")


def states(place: Location) -> dict[str, str]:
    return {step["name"]: step["state"] for step in json.loads(place.read())["steps"]}


def do(place: Location, run: Run, *steps: Step) -> Steps:
    chain = Steps(
        place, run, NAMES, release="dr1", model="0123456789ab", inputs=["new"], warehouse="w"
    )
    for step in steps:
        chain.run(step)
    return chain


def forbidden():
    raise AssertionError("done again")


def test_a_finished_step_with_the_same_key_is_skipped(place, run_of):
    first = do(place, run_of(), Step("read", lambda: {"rows": 3}, key=lambda: "a"))
    assert states(place) == {"read": "done", "sum": "waiting"}
    assert first.record.status == "running"
    again = Step("read", forbidden, key=lambda: "a")
    summing = Step("sum", lambda: {"total": 6}, key=lambda: "b")
    second = do(place, run_of(), again, summing)
    assert states(place) == {"read": "skipped", "sum": "done"}
    assert second.end() == []
    written = json.loads(place.read())
    assert written["status"] == "done"
    assert written["steps"][0]["result"] == {"rows": 3}


def test_a_step_whose_file_is_gone_is_done_again(place, run_of, tmp_path):
    result = tmp_path / "result"

    def write():
        result.touch()
        return {"written": 1}

    step = Step("read", write, key=lambda: "a", makes=result)
    do(place, run_of(), step)
    do(place, run_of(), step)
    assert states(place)["read"] == "skipped"
    result.unlink()
    do(place, run_of(), step)
    assert states(place)["read"] == "done"
    assert result.exists()


def test_another_key_does_it_again(place, run_of):
    do(place, run_of(), Step("read", lambda: {"rows": 3}, key=lambda: "a"))
    do(place, run_of(), Step("read", lambda: {"rows": 4}, key=lambda: "b"))
    assert json.loads(place.read())["steps"][0]["result"] == {"rows": 4}


def test_a_step_that_had_nothing_to_do_keeps_its_result(place, run_of):
    def is_none(result):
        return result["new"] == 0

    do(place, run_of(), Step("read", lambda: {"new": 5}, nothing_done=is_none))
    assert states(place)["read"] == "done"
    do(place, run_of(), Step("read", lambda: {"new": 0}, nothing_done=is_none))
    assert states(place)["read"] == "skipped"
    assert json.loads(place.read())["steps"][0]["result"] == {"new": 5}


def test_a_failed_step_is_told_and_done_again(place, run_of):
    def fail():
        raise OSError(28, "No space left on device", "/a/part")

    with pytest.raises(OSError, match="No space"):
        do(place, run_of(), Step("read", fail, key=lambda: "a"))
    written = json.loads(place.read())
    assert written["status"] == "failed"
    assert written["steps"][0]["error"] == "/a/part: No space left on device"
    do(place, run_of(), Step("read", lambda: {"rows": 3}, key=lambda: "a"))
    assert states(place)["read"] == "done"


def test_findings_need_attention(place, run_of):
    chain = do(place, run_of(), Step("read", lambda: {"findings": [{"quantity": "z"}]}))
    assert chain.end() == [{"quantity": "z"}]
    assert json.loads(place.read())["status"] == "attention"


def test_a_record_of_another_version_is_done_again(place, run_of):
    place.write(b'{"steps": [{"name": "read", "state": "done", "key": "a"}]}')
    do(place, run_of(), Step("read", lambda: {"rows": 3}, key=lambda: "a"))
    assert states(place)["read"] == "done"
