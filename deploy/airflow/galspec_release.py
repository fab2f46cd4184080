"""A data release, as an Airflow DAG: submit the job, then believe its run.json and nothing else.

spark-submit's exit code tells what became of the driver, not of the release: in cluster mode it may
be 0 for a job that failed. So the check runs whatever the submit said, and the DAG's state is the
check's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag, task
from run_json import problems

#: A folder for each run of the DAG, so that an earlier run's run.json cannot speak for this one.
OUTPUT = "{{ params.data }}/releases/{{ params.release }}/{{ ts_nodash }}"

#: Exit code 3 is no reason to try again: the release is there, and run.json says what is wrong.
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
    max_active_runs=1,  # releases of one warehouse come one after the other
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
        retries=2,  # a rerun goes on where the last one stopped
        retry_delay=timedelta(minutes=5),
        append_env=True,  # SPARK_MASTER, GALSPEC_HOME, SPARK_CONF_DIR, _SPARK_AUTH_SECRET
    )

    @task(trigger_rule="all_done", retries=0, templates_dict={"output": OUTPUT})
    def check(params: dict[str, str], templates_dict: dict[str, str]) -> None:
        """Fail unless run.json says that this release is done, every step of it."""
        found = problems(Path(templates_dict["output"], "run.json"), params["release"])
        if found:
            raise AirflowFailException("; ".join(found))

    submit >> check()


galspec_release()
