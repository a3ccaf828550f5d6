"""The kubelet's part, which podman has not: ask the probes of a rendered container, as often as they say."""

import http.client
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.images.playable import Object, Playable
from tests.images.podman import Podman, PodmanError

DEFAULTS = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3}


class NotReadyError(Exception):
    """A probe failed as often as it may."""


@dataclass(frozen=True)
class Kubelet:
    podman: Podman

    def wait_until_ready(self, pod: Playable, address: str) -> None:
        """Every container's startup probe, then its readiness probe. Raises :class:`NotReadyError`."""
        for container in pod.template["spec"]["containers"]:
            for kind in ("startupProbe", "readinessProbe"):
                if kind in container:
                    self._wait(pod, container, kind, address)

    def _wait(self, pod: Playable, container: Object, kind: str, address: str) -> None:
        probe = DEFAULTS | container[kind]
        said = ""
        for _ in range(probe["failureThreshold"]):
            asked = time.monotonic()
            said = self.ask(pod, container, probe, address)
            if not said:
                return
            time.sleep(max(0.0, probe["periodSeconds"] - (time.monotonic() - asked)))
        raise NotReadyError(f"{pod.name}, {container['name']}: its {kind} failed: {said}")

    def ask(self, pod: Playable, container: Object, probe: Object, address: str) -> str:
        """What is wrong; empty when nothing is."""
        try:
            if "exec" in probe:
                self.podman.run("exec", f"{pod.name}-{container['name']}", *probe["exec"]["command"])
            elif "httpGet" in probe:
                return _get(address, find_port(container, probe["httpGet"]["port"]), probe)
            else:
                port = find_port(container, probe["tcpSocket"]["port"])
                socket.create_connection((address, port), timeout=probe["timeoutSeconds"]).close()
        except (OSError, PodmanError, http.client.HTTPException) as error:
            return str(error)[-1500:]
        return ""


def _get(address: str, port: int, probe: Object) -> str:
    asked = probe["httpGet"]
    headers = {header["name"]: header["value"] for header in asked.get("httpHeaders", [])}
    connection = http.client.HTTPConnection(address, port, timeout=probe["timeoutSeconds"])
    try:
        connection.request("GET", asked["path"], headers=headers)
        answer = connection.getresponse()
        return "" if 200 <= answer.status < 400 else f"{answer.status} {answer.read(300)!r}"
    finally:
        connection.close()


def find_port(container: Object, wanted: Any) -> int:
    """A probe may name a port by the name that the container gives it."""
    named = {port["name"]: port["containerPort"] for port in container.get("ports", []) if "name" in port}
    return int(named.get(wanted, wanted))
