"""The manifests: whole by Kubernetes's own schema, in step with conf/cluster, and without root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from galspec_spark import __version__
from galspec_spark.harness.outcome import NOTHING_READ, PROBLEM_FOUND, WRONG_USAGE
from tests.submit import ROOT

FOLDER = ROOT / "deploy/kubernetes"
VERSION = "1.33"

#: The fields of the Spark operator's v1beta2 that we use; it ignores unknown ones in silence.
APPLICATION = {
    "type", "mode", "sparkVersion", "image", "mainApplicationFile", "arguments", "sparkConf",
    "restartPolicy", "driver", "executor", "volumes",
}  # fmt: skip
POD = {
    "cores", "coreLimit", "labels", "memory", "memoryOverhead", "envFrom", "podSecurityContext",
    "securityContext", "volumeMounts",
}  # fmt: skip
#: What a field of the operator is called among Spark's settings.
SETTINGS = {"cores": "cores", "memory": "memory", "memoryOverhead": "memoryOverhead"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def application() -> dict[str, Any]:
    (document,) = documents("spark-application.yaml")
    spec: dict[str, Any] = document["spec"]
    return spec


def cron_pod() -> dict[str, Any]:
    (document,) = documents("cronjob.yaml")
    spec: dict[str, Any] = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def operator_pod(role: str) -> dict[str, Any]:
    """Return the pod that the operator makes of a driver or an executor."""
    given = application()[role]
    container = {
        "name": role,
        "image": application()["image"],
        **{name: given[name] for name in ("envFrom", "securityContext", "volumeMounts")},
    }
    return {
        "containers": [container],
        "securityContext": given["podSecurityContext"],
        "volumes": application()["volumes"],
    }


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "cronjob", cron_pod()
    yield "executor", documents("executor.yaml")[0]["spec"]
    for role in ("driver", "executor"):
        yield f"operator's {role}", operator_pod(role)


def cluster_settings() -> dict[str, str]:
    lines = (ROOT / "conf/cluster/spark-defaults.conf").read_text().splitlines()
    settings = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    return {key: value.strip() for key, value in settings}


def of_kubernetes() -> list[dict[str, Any]]:
    names = ("access", "cronjob", "executor", "network-policy", "storage")
    own = [document for name in names for document in documents(f"{name}.yaml")]
    for role in ("driver", "executor"):
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": role}}
        own.append({**made, "spec": operator_pod(role)})
    return own


@pytest.mark.parametrize("document", of_kubernetes(), ids=lambda document: document["kind"])
def test_kubernetes_takes_it(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_operator_knows_all_fields() -> None:
    spec = application()
    assert set(spec) == APPLICATION
    assert set(spec["driver"]) == POD | {"serviceAccount"}
    assert set(spec["executor"]) == POD | {"instances"}
    assert (spec["type"], spec["mode"]) == ("Python", "cluster")
    assert spec["restartPolicy"] == {"type": "Never"}
    assert all(isinstance(value, str) for value in spec["sparkConf"].values())


def test_the_image_is_of_this_version() -> None:
    image = f"galspec-spark:{__version__}"
    assert application()["image"] == cron_pod()["containers"][0]["image"] == image
    assert f"--conf=spark.kubernetes.container.image={image}" in cron_pod()["containers"][0]["args"]
    assert f"--tag {image} ." in (ROOT / "deploy/Dockerfile").read_text()


def test_no_two_releases_at_once() -> None:
    (scheduled,) = documents("scheduled-spark-application.yaml")
    (cron,) = documents("cronjob.yaml")
    assert scheduled["spec"]["concurrencyPolicy"] == "Forbid"
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"


def test_findings_are_told_apart_from_a_failure_and_not_tried_again() -> None:
    (cron,) = documents("cronjob.yaml")
    job = cron["spec"]["jobTemplate"]["spec"]
    policy = job["podFailurePolicy"]["rules"]
    codes = {tuple(r["onExitCodes"]["values"]): r["action"] for r in policy if "onExitCodes" in r}
    assert codes == {(PROBLEM_FOUND,): "FailJob", (WRONG_USAGE, NOTHING_READ): "FailJob"}
    assert {r["onExitCodes"]["containerName"] for r in policy if "onExitCodes" in r} == {"driver"}
    assert job["backoffLimit"] > 0  # exit code 1 is tried again
    assert cron_pod()["restartPolicy"] == "Never"  # without it there is no such policy
    assert job["activeDeadlineSeconds"] > 0


def test_the_network_policy_is_that_of_all_pods() -> None:
    (policy,) = documents("network-policy.yaml")
    labels = policy["spec"]["podSelector"]["matchLabels"]
    (cron,) = documents("cronjob.yaml")
    assert cron["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] == labels
    assert documents("executor.yaml")[0]["metadata"]["labels"] == labels
    assert application()["driver"]["labels"] == application()["executor"]["labels"] == labels
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": labels}}]}]


def test_the_claim_is_the_one_that_the_pods_mount() -> None:
    (claim,) = documents("storage.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for _, pod in pods():
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_the_schedule_runs_the_application() -> None:
    (scheduled,) = documents("scheduled-spark-application.yaml")
    assert scheduled["spec"]["template"] == application()
    arguments = cron_pod()["containers"][0]["args"]
    assert arguments[-4:] == application()["arguments"]
    assert application()["mainApplicationFile"] == f"local://{arguments[-5]}"


def test_settings_are_those_of_conf_cluster() -> None:
    spec = application()
    given = dict(spec["sparkConf"])
    for role in ("driver", "executor"):
        for name in SETTINGS:
            given[f"spark.{role}.{name}"] = str(spec[role][name])
    del given["spark.driver.cores"]
    assert given == cluster_settings()


def test_the_cron_jobs_driver_has_the_memory_that_spark_will_take() -> None:
    settings = cluster_settings()
    wanted = sum(
        int(settings[f"spark.driver.{name}"].removesuffix("g"))
        for name in ("memory", "memoryOverhead")
    )
    resources = cron_pod()["containers"][0]["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"] == f"{wanted}Gi"


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=[name for name, _ in pods()])
def test_nothing_runs_as_root(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod.get("hostNetwork")


@pytest.mark.parametrize("path", sorted(ROOT.glob("deploy/**/*.*")), ids=lambda path: path.name)
def test_no_secret_is_written_down(path: Path) -> None:
    """Secrets come by reference: envFrom a Secret, or the environment of whoever submits."""
    if path.suffix == ".yaml":
        assert all(
            document["kind"] != "Secret" for document in yaml.safe_load_all(path.read_text())
        )
    content = path.read_text()
    assert "spark.authenticate.secret" not in content
    assert not [word for word in ("AWS_SECRET_ACCESS_KEY=", "password:") if word in content]
