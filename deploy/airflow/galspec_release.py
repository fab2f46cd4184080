"""A data release as an Airflow DAG: submit the job, then trust only its run.json.

spark-submit's exit code describes the driver, not the release: in cluster mode it may be 0 for a
failed job. So the check runs whatever the exit code, and decides the DAG's state.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag, task
from run_json import problems

#: A folder for each run of the DAG, so that the check never reads an earlier run.json.
OUTPUT = "{{ params.data }}/releases/{{ params.release }}/{{ ts_nodash }}"

#: Exit code 3 needs no retry: the release is done, and run.json has the findings.
SUBMIT = f"""
spark-submit --master "$SPARK_MASTER" "$GALSPEC_HOME/jobs/release.py" \\
    --input "{{{{ params.data }}}}/incoming/{{{{ params.release }}}}" \\
    --release "{{{{ params.release }}}}" \\
    --warehouse "{{{{ params.data }}}}/warehouse" \\
    --model "{{{{ params.data }}}}/model" \\
    --output "{OUTPUT}" || [ $? = 3 ]
"""

#: No quotes, spaces or dollar signs: the values become part of a shell command.
PLAIN = r"^[A-Za-z0-9._/:-]+$"


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # one release at a time for a warehouse
    params={
        "data": Param("/data", type="string", pattern=PLAIN),
        "release": Param("dr19", type="string", pattern=PLAIN),
    },
    doc_md=__doc__,
)
def galspec_release() -> None:
    """Classify a data release every night."""
    submit = BashOperator(
        task_id="submit",
        bash_command=SUBMIT,
        retries=2,  # a rerun resumes
        retry_delay=timedelta(minutes=5),
        append_env=True,  # SPARK_MASTER, GALSPEC_HOME, SPARK_CONF_DIR, _SPARK_AUTH_SECRET
    )

    @task(trigger_rule="all_done", retries=0, templates_dict={"output": OUTPUT})
    def check(params: dict[str, str], templates_dict: dict[str, str]) -> None:
        """Fail unless run.json has this release, and all its steps, as done."""
        found = problems(Path(templates_dict["output"], "run.json"), params["release"])
        if found:
            raise AirflowFailException("; ".join(found))

    submit >> check()


galspec_release()
