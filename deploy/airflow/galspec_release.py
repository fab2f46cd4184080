"""New and changed releases as an Airflow DAG: submit the job, then trust only its discovery.json.

spark-submit's exit code describes the driver, not the releases: in cluster mode it may be 0 for a
failed job. So the task check runs whatever the exit code. It fails where a release is not done:
what needs the catalogue goes by it. The task findings fails where all are done, but somebody should
look (exit code 3), and is skipped where there is nothing to look at.

This file needs no other: of the DAGs' folder, no subfolder is on a scheduler's path.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag, task

OUTPUT = "{{ params.data }}/releases"

#: Exit codes 2 (wrong usage), 3 (findings) and 4 (nothing can be read) need no retry. The file of
#: an earlier run goes first, so that the check never reads it.
SUBMIT = f"""
rm -f "{OUTPUT}/discovery.json"
spark-submit --master "$SPARK_MASTER" "$GALSPEC_HOME/jobs/release.py" \\
    --discover "{{{{ params.data }}}}/incoming" \\
    --warehouse "{{{{ params.data }}}}/warehouse" \\
    --model "{{{{ params.data }}}}/model" \\
    --output "{OUTPUT}" || case $? in 2|3|4) ;; *) exit 1 ;; esac
"""

#: No quotes, spaces or dollar signs: the value becomes part of a shell command.
PLAIN = r"^[A-Za-z0-9._/:-]+$"

GOOD_STATES = ("known", "done", "attention")


def problems(discovery_json: Path) -> list[str]:
    """Return what is not done, a line each; an empty list if all releases are done.

    Parameters
    ----------
    discovery_json
        File that ``galspec release --discover`` leaves in its output, done or failed.
    """
    try:
        found = json.loads(discovery_json.read_text())
        lines = [
            f"release {release['name']}: {release['state']}"
            + (f": {release['error']}" if release.get("error") else "")
            for release in found["releases"]
            if release["state"] not in GOOD_STATES
        ]
        if found["status"] not in ("done", "attention"):
            lines.append(f"status: {found['status']}")
    except OSError as error:
        return [
            f"{discovery_json}: {error.strerror}: the job never began, or its output is elsewhere"
        ]
    except (ValueError, KeyError, TypeError) as error:
        return [f"{discovery_json}: not what a job leaves: {error!r}"]
    return lines


def with_findings(discovery_json: Path) -> list[str]:
    """Return the releases of a good run that somebody should look at."""
    releases = json.loads(discovery_json.read_text())["releases"]
    return [release["name"] for release in releases if release["state"] == "attention"]


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # one job at a time for a warehouse
    dagrun_timeout=timedelta(days=2),  # the next run resumes
    params={"data": Param("/data", type="string", pattern=PLAIN)},
    doc_md=__doc__,
)
def galspec_release() -> None:
    """Classify every night the releases that are new or changed."""
    submit = BashOperator(
        task_id="submit",
        bash_command=SUBMIT,
        retries=2,  # a rerun resumes
        retry_delay=timedelta(minutes=5),
        append_env=True,  # SPARK_MASTER, GALSPEC_HOME, SPARK_CONF_DIR, _SPARK_AUTH_SECRET
    )

    @task(trigger_rule="all_done", retries=0, templates_dict={"output": OUTPUT})
    def check(templates_dict: dict[str, str]) -> None:
        """Fail unless discovery.json has all releases as done."""
        found = problems(Path(templates_dict["output"], "discovery.json"))
        if found:
            raise AirflowFailException("; ".join(found))

    @task(retries=0, templates_dict={"output": OUTPUT})
    def findings(templates_dict: dict[str, str]) -> None:
        """Fail if a release that is done has findings."""
        output = Path(templates_dict["output"])
        names = with_findings(output / "discovery.json")
        if not names:
            raise AirflowSkipException("nothing to look at")
        pages = ", ".join(str(output / name / "report.html") for name in names)
        raise AirflowFailException(f"done, but with findings: look at {pages}")

    submit >> check() >> findings()


galspec_release()
