"""The installation of each layout that the documentation shows: all defaults, and what the layout cannot do without."""

from typing import Any

from appliance.settings import Settings

TLS = {
    "ca_file": "/etc/appliance/tls/ca.pem",
    "certificate_file": "/etc/appliance/tls/certificate.pem",
    "key_file": "/etc/appliance/tls/key.pem",
}
REFERENCE: dict[str, dict[str, Any]] = {
    "embedded": {},
    "hosts": {
        "database": {"host": "/run/postgresql"},
        "redis": {"socket": "/run/valkey/valkey.sock"},
        "engine_proxy": TLS,
    },
    "kubernetes": {"database": {"host": "postgres"}, "redis": {"host": "redis"}, "engine_proxy": TLS},
}
TITLES = {
    "embedded": "One machine, started by bin/appliance up",
    "hosts": "An app host and a GPU host, installed by Ansible",
    "kubernetes": "A cluster, installed by the Helm chart",
}


def reference_settings(layout: str) -> Settings:
    return Settings.model_validate({"layout": layout, "data_dir": "/var/lib/appliance", **REFERENCE[layout]})
