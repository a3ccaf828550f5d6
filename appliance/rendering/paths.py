"""Where the playbooks put things on a host: the one place that says so."""

from pathlib import Path
from typing import Any

CONFIGURATION = Path("/etc/appliance")
CONFIG = CONFIGURATION / "appliance.yaml"
TLS = CONFIGURATION / "tls"
CA = TLS / "ca.pem"
# One settings file serves both sides of the way to the models: each unit sees its own pair of files under this name.
OWN_PAIR = TLS / "own"
PAIRS = {"application": TLS / "application", "engine-proxy": TLS / "engine-proxy", "front-door": TLS / "front-door"}
CODE = Path("/opt/appliance")
WEBAPP_PYTHON = CODE / "webapp" / "bin" / "python"
INFERENCE_PYTHON = CODE / "inference" / "bin" / "python"
DOCUMENTATION = CODE / "documentation"
OFFLINE_SET = Path("/var/cache/appliance-set")
DATA = Path("/var/lib/appliance")
ENGINE_EVENTS = Path("/var/log/appliance-engine")  # what happened to the engines; the proxy reads it
FIREWALL = Path("/etc/nftables.conf")
UNITS = Path("/etc/systemd/system")

# What is the same on every site; appliance_settings may say otherwise.
SETTINGS: dict[str, Any] = {
    "layout": "hosts",
    "data_dir": str(DATA),
    "web": {"https": True, "trusted_proxies": ["127.0.0.1"]},
    "database": {"host": "/run/postgresql"},
    "redis": {"socket": "/run/valkey/valkey.sock"},
    "engine_proxy": {
        "ca_file": str(CA),
        "certificate_file": str(OWN_PAIR / "certificate.pem"),
        "key_file": str(OWN_PAIR / "key.pem"),
    },
    "model": {"automatic": False},
}
