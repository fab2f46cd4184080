"""Run the DAG once as a scheduler loads it, for an interpreter with Airflow: dag_run.py DATA."""

import sys

if __name__ == "__main__":
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag()
    assert not bag.import_errors, bag.import_errors
    dag = bag.dags["galspec_release"]
    dag.get_task("submit").retries = 0
    run = dag.test(run_conf={"data": sys.argv[1]})
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    tasks = ", ".join(f"{name} {states[name]}" for name in ("submit", "check", "findings"))
    sys.stdout.write(f"\n{tasks}, DAG {run.state}\n")
