"""The chart's Pods with what a site has besides: a PostgreSQL of its own, a folder of models, and the ingress."""

from dataclasses import dataclass
from typing import Any

from tests.helm.helm import Helm
from tests.images.bases import STATE
from tests.images.building import build_reference, phase
from tests.images.cluster import Cluster, stand_at_the_door
from tests.images.ground import ROOT
from tests.images.playable import Playable, build_playables, read_contents
from tests.images.podman import Podman
from tests.images.site import CA_SECRET, DATABASE, PASSWORD_SECRET, build_site

HOST = "answers.example.com"
MODELS = "models"
LICENCE = {"id": "ours", "acknowledgedBy": "First Last", "acknowledgedOn": "2026-01-31"}
MODEL = "reciting-llama"


def build_values(ingress_address: str) -> dict[str, Any]:
    """What somebody would write who has a database, and tries the appliance on CPUs."""
    return {
        "images": {"registry": "localhost", "pullPolicy": "Never", "valkey": {"name": STATE.name, "tag": STATE.tag}},
        "web": {"replicas": 1, "allowedHosts": [HOST], "trustedProxies": [ingress_address]},
        "worker": {"replicas": 1},
        "database": {
            "mode": "external",
            "external": {"host": DATABASE, "cidrs": ["192.0.2.0/24"], "passwordSecret": {"name": PASSWORD_SECRET},
                         "caSecret": {"name": CA_SECRET}},
        },
        "modelStorage": {"existingClaim": MODELS},
        "models": [
            {
                "name": MODEL, "path": MODEL, "licence": LICENCE, "gpus": 0, "maxContextTokens": 8192, "kvCacheGib": 1,
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "6Gi"}},
            }
        ],
    }  # fmt: skip


@dataclass
class Running:
    """The whole appliance, in Pods."""

    cluster: Cluster
    pods: dict[str, Playable]
    addresses: dict[str, str]
    admin_password: str
    secrets: frozenset[str]


def start(cluster: Cluster, helm: Helm) -> Running:
    """In the order in which Helm and a cluster would: state, the setup hook, then everything else at once."""
    objects = [*helm.render(build_values(cluster.ingress_address)), *build_site()]
    components = sorted(
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    )
    addresses = cluster.build_addresses(components)
    pods = {pod.component: pod for pod in build_playables(objects, addresses)}
    with phase("checkpoint"):
        make_checkpoint(cluster.podman)
    with phase("database, Valkey and setup"):
        for name in (DATABASE, "redis"):
            cluster.play(pods[name], addresses[name])
        stand_at_the_door(cluster)
        for name in (DATABASE, "redis"):
            cluster.wait_until_ready(pods[name], addresses[name])
        cluster.play(pods["setup"], addresses["setup"])
        cluster.wait_until_done(pods["setup"])
    with phase("all other Pods"):
        # The models load while the others start.
        others = ["engine", "embedder", *(name for name in components if name not in (DATABASE, "redis", "setup"))]
        for name in dict.fromkeys(others):
            cluster.play(pods[name], addresses[name])
        for name in dict.fromkeys(others):
            cluster.wait_until_ready(pods[name], addresses[name])
    secrets = [read_contents(each) for each in objects if each["kind"] == "Secret"]
    admin = next(contents["admin"] for contents in secrets if "admin" in contents)
    values = frozenset(value for contents in secrets for value in contents.values())
    return Running(cluster, pods, addresses, admin, values)


def make_checkpoint(podman: Podman) -> None:
    """The site's folder of models, as a volume: made in the image itself, which has what it takes."""
    podman.run("volume", "create", MODELS)
    podman.run(
        "run", "--rm", "--network", "none", "--user", "0", "--env", "PYTHONPATH=/source",
        "--volume", f"{ROOT / 'tests'}:/source/tests:ro", "--volume", f"{MODELS}:/models", build_reference("inference"),
        "/opt/appliance/inference/bin/python", "-m", "tests.engines.reciting", "--folder", "/models",
    )  # fmt: skip
