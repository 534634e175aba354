"""The Deployment of deploy/kubernetes as a process: its arguments, settings, file and probes, and its time to stop."""

import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml
from harness.servers import ROOT
from harness.waiting import wait_until
from harness.worker import free_port

KUBERNETES = ROOT / "deploy" / "kubernetes"


class Pod:
    """Runs the pod's one container: the mounted file and the port are where this machine has room for them."""

    def __init__(self, scenario):
        self.spec = yaml.safe_load((KUBERNETES / "base" / "deployment.yaml").read_text())["spec"]["template"]["spec"]
        self.container = self.spec["containers"][0]
        [self.declared_port] = self.container["ports"]
        self.port = free_port()
        mount = self.container["volumeMounts"][0]["mountPath"]
        text = (KUBERNETES / "overlays" / "example" / "analytics" / "projection.yaml").read_text()
        text = text.replace("orders.events", scenario.topic).replace("analytics-consumer", scenario.group).replace("projection: analytics", f"projection: {scenario.name}")
        scenario.file.write_text(text)
        replaced = {f"{mount}/projection.yaml": str(scenario.file), f":{self.declared_port['containerPort']}": f":{self.port}"}
        assert set(replaced) <= set(self.container["args"]), "the arguments name the mounted file and the declared port"
        self.arguments = [replaced.get(argument, argument) for argument in self.container["args"]]
        # The Secret's names; the values are this test's. Nothing else of the environment is there.
        names = yaml.safe_load((KUBERNETES / "extras" / "secret.yaml").read_text())["stringData"]
        self.env = {name: scenario.env[name] for name in names}
        self.log = scenario.directory / "pod.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([scenario.binary, *self.arguments], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

    def probe(self, name):
        target = self.container[name]["httpGet"]
        assert target["port"] == self.declared_port["name"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target['path']}", timeout=self.container[name].get("timeoutSeconds", 1)) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def passes(self, name):
        def passed():
            assert self.process.poll() is None, self.log.read_text()
            return self.probe(name) == 200

        spec = self.container[name]
        wait_until(passed, spec["periodSeconds"] * spec.get("failureThreshold", 3), f"{name} passes in the time that it has")


@pytest.mark.slow
def test_the_pod_starts_gets_ready_and_stops_within_its_grace_period(scenario):
    scenario.make_topic(4)
    generator = scenario.generate_slowly(20_000, per_second=3_000)
    pod = Pod(scenario)
    try:
        pod.passes("startupProbe")
        wait_until(lambda: pod.probe("readinessProbe") == 200, 30, "ready")
        pod.passes("livenessProbe")
        wait_until(lambda: sum(scenario.checkpoints().values()) > 5_000, 30, "events flow")
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(pod.spec["terminationGracePeriodSeconds"]) == 0, pod.log.read_text()
    finally:
        pod.process.kill()
        generator.kill()
        generator.wait()
    assert pod.log.read_text().count('"level":"error"') == 0
    # What KEDA and other tools look at: the group's offsets are the store's checkpoints.
    checkpoints = {partition: offset for (_, partition), offset in scenario.checkpoints().items()}
    assert scenario.kafka.committed(scenario.group, scenario.topic) == checkpoints


@pytest.mark.slow
def test_the_pod_stops_in_time_also_while_its_store_is_away(outage):
    """A drain that can't end must not last until the kernel's SIGKILL."""
    outage.make_topic(2)
    outage.generate(1_000)
    pod = Pod(outage)
    try:
        wait_until(lambda: pod.probe("readinessProbe") == 200, 30, "ready")
        outage.server.stop()
        outage.generate(1_000, seed=7)
        wait_until(lambda: pod.probe("readinessProbe") == 503, 30, "not ready")
        assert pod.probe("livenessProbe") == 200, "a store that is away is no reason for a restart"
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(pod.spec["terminationGracePeriodSeconds"]) == 0, pod.log.read_text()
    finally:
        pod.process.kill()
    assert re.search("left uncommitted", pod.log.read_text())
