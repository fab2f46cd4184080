"""Run the DAG once, for an interpreter with Airflow: dag_run.py FOLDER-OF-THE-DAG DATA."""

import sys

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    from galspec_release import galspec_release

    dag = galspec_release()
    dag.get_task("submit").retries = 0
    run = dag.test(run_conf={"data": sys.argv[2], "release": "dr19"})
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    sys.stdout.write(f"\nsubmit {states['submit']}, check {states['check']}, DAG {run.state}\n")
