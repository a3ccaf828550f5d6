"""Small sites to render: documentation addresses, one port of their own."""

from typing import Any

from appliance.rendering.site import Site, build_site

ADDRESSES = {
    "app": ["192.0.2.10"], "gpu": ["192.0.2.20"], "operator": ["192.0.2.5"], "browser": ["198.51.100.0/24"],
    "timeserver": ["192.0.2.3"],
}  # fmt: skip
ONE_HOST = {**ADDRESSES, "gpu": ["192.0.2.10"]}


def settings(**sections: Any) -> dict[str, Any]:
    model = {"path": "/var/lib/appliance/model/tiny", "device": "cpu", **sections.pop("model", {})}
    return {"web": {"allowed_hosts": ["answers.example.com"]}, "model": model, **sections}


def two_hosts(**sections: Any) -> Site:
    return build_site(settings(**sections), ADDRESSES)


def one_host(**sections: Any) -> Site:
    return build_site(settings(**sections), ONE_HOST)
