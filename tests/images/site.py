"""What a site has and the chart does not render: a PostgreSQL with its certificate. Authored, of Debian's packages."""

import tempfile
from pathlib import Path

from tests.engines.certificates import Authority
from tests.images.bases import STATE
from tests.images.playable import Object

DATABASE = "postgres.example.com"
PASSWORD = "a password for the database of the site"  # authored
PASSWORD_SECRET, CA_SECRET, TLS_SECRET = "database", "database-ca", "database-tls"
SCRATCH = "/tmp"  # noqa: S108 - an emptyDir of the container's own
START_POSTGRES = """\
set -eu
exec 2>&1
cd /tmp
bin=/usr/lib/postgresql/17/bin
install -d -m 0700 /tmp/data
printf %s "$PASSWORD" > /tmp/password
install -m 0600 /tls/key.pem /tmp/key.pem
$bin/initdb --pgdata=/tmp/data --username=postgres --auth=scram-sha-256 --pwfile=/tmp/password >/dev/null
echo 'hostssl all all all scram-sha-256' >> /tmp/data/pg_hba.conf
export PGHOST=/tmp PGPASSWORD="$PASSWORD" PGUSER=postgres
$bin/pg_ctl --pgdata=/tmp/data --wait --options="-k /tmp -c listen_addresses=" start >/dev/null
psql --quiet --command "CREATE ROLE appliance LOGIN PASSWORD '$PASSWORD'"
psql --quiet --command "CREATE DATABASE appliance OWNER appliance"
psql --quiet --dbname appliance --command "CREATE EXTENSION vector"
$bin/pg_ctl --pgdata=/tmp/data --wait --mode=fast stop >/dev/null
exec $bin/postgres -D /tmp/data -k /tmp -c listen_addresses='*' -c max_connections=200 \\
    -c ssl=on -c ssl_cert_file=/tls/certificate.pem -c ssl_key_file=/tmp/key.pem
"""


def build_site() -> list[Object]:
    """Its Secrets and its database, which takes encrypted connections only."""
    with tempfile.TemporaryDirectory() as folder:
        identity = Authority(Path(folder)).issue("database", purpose="server", names=(DATABASE,))
        authority, certificate, key = (
            path.read_text() for path in (identity.ca_file, identity.certificate_file, identity.key_file)
        )
    return [
        _build_secret(PASSWORD_SECRET, {"password": PASSWORD}),
        _build_secret(CA_SECRET, {"ca.crt": authority}),
        _build_secret(TLS_SECRET, {"certificate.pem": certificate, "key.pem": key}),
        *_build_database(),
    ]


def _build_secret(name: str, values: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def _build_database() -> list[Object]:
    labels = {"app.kubernetes.io/component": DATABASE}
    container = {
        "name": "postgres", "image": STATE.reference, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", START_POSTGRES], "env": [{"name": "PASSWORD", "value": PASSWORD}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True},
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 1, "failureThreshold": 60},
        "volumeMounts": [{"name": "tmp", "mountPath": SCRATCH}, {"name": "tls", "mountPath": "/tls", "readOnly": True}],
    }  # fmt: skip
    spec = {
        "securityContext": {"runAsUser": 10001, "runAsGroup": 10001}, "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "tls", "secret": {"secretName": TLS_SECRET}}],
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": spec}
    return [
        {"kind": "Service", "metadata": {"name": DATABASE}, "spec": {"selector": labels}},
        {"kind": "Deployment", "metadata": {"name": "postgres"}, "spec": {"template": template}},
    ]
