"""Settings of each layout, as small as they may be."""

from pathlib import Path
from typing import Any

from appliance.settings import Settings

TLS = {
    "ca_file": "/etc/appliance/tls/ca.pem",
    "certificate_file": "/etc/appliance/tls/certificate.pem",
    "key_file": "/etc/appliance/tls/key.pem",
}


def hosts(**more: Any) -> Settings:
    return Settings.model_validate(
        {
            "layout": "hosts",
            "data_dir": "/var/lib/appliance",
            "database": {"host": "/run/postgresql"},
            "redis": {"socket": "/run/valkey/valkey.sock"},
            "engine_proxy": TLS,
            "web": {"trusted_proxies": ["127.0.0.1"], "https": True},
            **more,
        }
    )


def kubernetes(**more: Any) -> Settings:
    return Settings.model_validate(
        {
            "layout": "kubernetes",
            "data_dir": Path("/var/lib/appliance"),
            "database": {"host": "postgres"},
            "redis": {"host": "redis"},
            "engine_proxy": TLS,
            **more,
        }
    )
