"""Reads from a release's run.json whether the release is done, and if not, why."""

from __future__ import annotations

import json
from pathlib import Path

GOOD_STATES = ("done", "skipped")


def problems(run_json: Path, release: str) -> list[str]:
    """Return the problems of a run, a line each; an empty list if the run is done.

    Parameters
    ----------
    run_json
        File that ``galspec release`` leaves in its output, done or failed.
    release
        Data release that the file should be about.
    """
    try:
        run = json.loads(run_json.read_text())
        found = [
            f"step {step['name']}: {step['state']}"
            for step in run["steps"]
            if step["state"] not in GOOD_STATES
        ]
        if run["release"] != release:
            found.append(f"it is about release {run['release']}, not {release}")
        if run["status"] != "done":
            found.append(f"status: {run['status']}")
        if not run["steps"]:
            found.append("no steps")
    except OSError as error:
        return [f"{run_json}: {error.strerror}: the job never began, or its output is elsewhere"]
    except (ValueError, KeyError, TypeError) as error:
        return [f"{run_json}: not a release's run.json: {error!r}"]
    return found
