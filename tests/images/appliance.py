"""The chart's Pods with what a site has besides: a PostgreSQL of its own, a folder of models, and the ingress."""

from dataclasses import dataclass
from typing import Any

from tests.helm.helm import Helm
from tests.images.bases import STATE
from tests.images.building import build_reference, phase
from tests.images.cluster import Cluster, stand_at_the_door
from tests.images.ground import ROOT
from tests.images.playable import Object, Playable, build_playables, read_contents
from tests.images.podman import Podman

HOST = "answers.example.com"
DATABASE = "postgres.example.com"
PASSWORD = "a password for the database of the site"  # authored
MODELS = "models"
MODEL = "reciting-llama"
SCRATCH = "/tmp"  # noqa: S108 - an emptyDir of the container's own
# The one that the site's operators would run. Root is the container's only; the Pods of the chart never are.
START_POSTGRES = """\
set -eu
exec 2>&1
cd /tmp
bin=/usr/lib/postgresql/17/bin
install -d -m 0700 /tmp/data
printf %s "$PASSWORD" > /tmp/password
$bin/initdb --pgdata=/tmp/data --username=postgres --auth=scram-sha-256 --pwfile=/tmp/password >/dev/null
echo 'host all all all scram-sha-256' >> /tmp/data/pg_hba.conf
export PGHOST=/tmp PGPASSWORD="$PASSWORD" PGUSER=postgres
$bin/pg_ctl --pgdata=/tmp/data --wait --options="-k /tmp -c listen_addresses=" start >/dev/null
psql --quiet --command "CREATE ROLE appliance LOGIN PASSWORD '$PASSWORD'"
psql --quiet --command "CREATE DATABASE appliance OWNER appliance"
psql --quiet --dbname appliance --command "CREATE EXTENSION vector"
$bin/pg_ctl --pgdata=/tmp/data --wait --mode=fast stop >/dev/null
exec $bin/postgres -D /tmp/data -k /tmp -c listen_addresses='*' -c max_connections=200
"""


def build_values(ingress_address: str) -> dict[str, Any]:
    """What somebody would write who has a database, and tries the appliance on CPUs."""
    return {
        "images": {"registry": "localhost", "pullPolicy": "Never", "valkey": {"name": STATE.name, "tag": STATE.tag}},
        "web": {"replicas": 1, "allowedHosts": [HOST], "trustedProxies": [ingress_address]},
        "worker": {"replicas": 1},
        "database": {
            "mode": "external",
            "external": {"host": DATABASE, "cidrs": ["192.0.2.0/24"], "passwordSecret": {"name": "database"}},
        },
        "modelStorage": {"existingClaim": MODELS},
        "models": [
            {
                "name": MODEL, "path": MODEL, "gpus": 0, "maxContextTokens": 8192, "kvCacheGib": 1,
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "6Gi"}},
            }
        ],
    }  # fmt: skip


def build_site() -> list[Object]:
    """Authored: what the site has and the chart does not render."""
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "database"},
        "stringData": {"password": PASSWORD},
    }
    container = {
        "name": "postgres", "image": STATE.reference, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", START_POSTGRES], "env": [{"name": "PASSWORD", "value": PASSWORD}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True},
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 1, "failureThreshold": 60},
        "volumeMounts": [{"name": "tmp", "mountPath": SCRATCH}],
    }  # fmt: skip
    template: Object = {
        "metadata": {"labels": {"app.kubernetes.io/component": DATABASE}},
        "spec": {"securityContext": {"runAsUser": 10001, "runAsGroup": 10001}, "containers": [container],
                 "volumes": [{"name": "tmp", "emptyDir": {}}]},
    }  # fmt: skip
    service = {"kind": "Service", "metadata": {"name": DATABASE}, "spec": {"selector": template["metadata"]["labels"]}}
    return [secret, service, {"kind": "Deployment", "metadata": {"name": "postgres"}, "spec": {"template": template}}]


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
