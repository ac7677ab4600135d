"""The containers' files: as ordinary users, with nothing to write but what they must, and secrets only as files."""

import re
from typing import Any

import pytest
import yaml

from chatapp.celery import TASKS
from chatapp.runtime.files import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
SECRETS = {"SECRET_KEY_FILE", "FIELD_ENCRYPTION_KEYS_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE"}
KUBERNETES = {path.name: path for path in (DEPLOY / "kubernetes").glob("*.yaml")}


def kubernetes() -> list[dict[str, Any]]:
    return [one for path in KUBERNETES.values() for one in yaml.safe_load_all(path.read_text())]


def workloads() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in kubernetes() if one["kind"] in {"Deployment", "Job"}}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def own_services() -> dict[str, Any]:
    return {name: one for name, one in compose()["services"].items() if "chatapp" in one["image"]}


def queues_of(commands: list[list[str]]) -> set[str]:
    lists = [command[command.index("-Q") + 1] for command in commands if "-Q" in command]
    return {queue for queues in lists for queue in queues.split(",")}


def test_kustomize_names_every_file() -> None:
    loaded = yaml.safe_load(KUBERNETES["kustomization.yaml"].read_text())
    assert set(loaded["resources"]) == KUBERNETES.keys() - {"kustomization.yaml"}


def test_every_process_has_a_workload_and_every_queue_a_worker() -> None:
    processes = {"web", "inference", "pipeline", "beat", "prepare"}
    assert workloads().keys() == {f"chatapp-{name}" for name in processes}
    assert own_services().keys() == processes
    containers = [one["spec"]["template"]["spec"]["containers"][0] for one in workloads().values()]
    assert queues_of([one["command"] for one in containers]) == set(TASKS)
    assert queues_of([one.get("command", []) for one in own_services().values()]) == set(TASKS)
    assert workloads()["chatapp-beat"]["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", sorted(workloads()))
def test_a_pod_runs_as_nobody_in_particular_and_writes_nowhere_else(name: str) -> None:
    pod = workloads()[name]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable <= {"/tmp", "/data", "/models"}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_web_is_asked_whether_it_lives_and_is_ready() -> None:
    (container,) = workloads()["chatapp-web"]["spec"]["template"]["spec"]["containers"]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_nothing_may_be_reached_unless_it_is_said() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in kubernetes() if one["kind"] == "NetworkPolicy"}
    assert policies["chatapp-nothing-in"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ways_in = {name for name, spec in policies.items() if spec.get("ingress")}
    assert ways_in == {"chatapp-web"}


@pytest.mark.parametrize("name", sorted(own_services()))
def test_a_service_of_compose_is_as_bounded(name: str) -> None:
    service = own_services()[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["environment"].keys() >= SECRETS
    assert {mount.partition(":")[2] for mount in service.get("volumes", [])} <= {"/data", "/models", "/models:ro"}


def test_services_behind_the_product_are_reached_by_nobody_else() -> None:
    services = compose()["services"]
    assert compose()["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "valkey"):
        assert services[name]["networks"] == ["inside"]
        assert "ports" not in services[name]
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_no_secret_stands_in_a_file_of_the_repository() -> None:
    data = next(one["data"] for one in kubernetes() if one["kind"] == "ConfigMap")
    assert data.keys() >= SECRETS
    assert not any(one["kind"] == "Secret" for one in kubernetes())
    for environment in (data, compose()["x-app"]["environment"]):
        assert not environment.keys() & {name.removesuffix("_FILE") for name in SECRETS}


def test_images_are_named_by_version_and_run_as_an_ordinary_user() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    images += [one["image"] for one in compose()["services"].values() if "chatapp:" not in one["image"]]
    assert all(re.search(r":\d+\.\d+", image) and "latest" not in image for image in images), images
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in text
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((CHECKOUT / name).exists() for name in copied.split()), copied
