"""Alerts, dashboard, manifests and the compose file speak of the worker as it is."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = DEPLOY / "kubernetes" / "overlays" / "example"
METRIC = re.compile(r"\b(?:foldline|process)_[a-z_]+\b")


def documented_metrics():
    """Families listed in docs/operating.md, with the series that a histogram has."""
    names = set(re.findall(r"^\| `((?:foldline|process)_\w+)`", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE))
    assert len(names) > 20
    return names | {name + suffix for name in names for suffix in ("_bucket", "_sum", "_count")}


def load(path):
    return yaml.safe_load(path.read_text())


def deployment():
    return load(DEPLOY / "kubernetes" / "base" / "deployment.yaml")


def drain_timeout_s():
    text = (ROOT / "engine" / "worker.h").read_text()
    return int(re.search(r"drain_timeout\{([\d']+)\}", text)[1].replace("'", "")) / 1000


def test_the_dashboard_shows_only_metrics_that_exist():
    dashboard = json.loads((DEPLOY / "grafana" / "foldline.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 20
    used = {name for expression in expressions for name in METRIC.findall(expression)}
    assert used - documented_metrics() == set()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_alerts_ask_only_for_metrics_that_exist_and_each_is_tested_and_explained():
    rules = [rule for group in load(DEPLOY / "prometheus" / "alerts.yaml")["groups"] for rule in group["rules"]]
    used = {name for rule in rules for name in METRIC.findall(rule["expr"])}
    assert used - documented_metrics() == set()
    tests = load(DEPLOY / "prometheus" / "alerts_test.yaml")["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules}
    page = (ROOT / "docs" / "operating.md").read_text()
    assert [rule["alert"] for rule in rules if f"`{rule['alert']}`" not in page] == []


def test_overlays_hold_the_example_projections():
    for name, example in (("analytics", "orders-analytics"), ("cache", "orders-cache"), ("order-search", "orders-search")):
        assert (OVERLAYS / name / "projection.yaml").read_bytes() == (ROOT / "config" / "examples" / f"{example}.yaml").read_bytes(), name


def test_a_pod_has_time_to_stop():
    """SIGTERM gives the batch in flight drain_timeout; leaving the group comes after."""
    assert deployment()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= drain_timeout_s() + 10
    for name, service in load(DEPLOY / "compose.yaml")["services"].items():
        if service.get("command", [""])[0] == "run":
            assert int(service["stop_grace_period"].rstrip("s")) > drain_timeout_s(), name


def test_pods_run_with_no_rights():
    """What the `restricted` pod security standard asks, and a read-only root."""
    pod = deployment()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"] and rights["capabilities"] == {"drop": ["ALL"]}
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert (int(user[1]), int(user[2])) == (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"])


def test_the_image_the_manifests_and_the_build_have_one_version():
    version = re.search(r"project\(foldline VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == f"foldline:{version}"
    assert load(OVERLAYS / "kustomization.yaml")["images"][0]["newTag"] == version
    assert f"ARG VERSION={version}\n" in (DEPLOY / "docker" / "Dockerfile").read_text()


def test_compose_starts_every_worker_after_what_it_needs():
    services = load(DEPLOY / "compose.yaml")["services"]
    workers = {name: service for name, service in services.items() if service.get("command", [""])[0] == "run"}
    assert len(workers) == 3
    for name, service in workers.items():
        file = ROOT / "config" / "examples" / pathlib.Path(service["command"][1]).name
        projection = load(file)
        store = next(iter(projection["store"]))
        assert service["depends_on"]["kafka"] == {"condition": "service_healthy"}, name
        assert service["depends_on"][store] == {"condition": "service_healthy"}, name
        for needed, how in service["depends_on"].items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[needed], (name, needed)
    assert "noeviction" in services["redis"]["command"]


def test_the_autoscaler_watches_the_examples_own_group_and_topic():
    trigger = load(DEPLOY / "kubernetes" / "extras" / "scaled-object.yaml")["spec"]["triggers"][0]["metadata"]
    projection = load(OVERLAYS / "analytics" / "projection.yaml")
    assert (trigger["consumerGroup"], trigger["topic"]) == (projection["group"], projection["source"]["topics"])
