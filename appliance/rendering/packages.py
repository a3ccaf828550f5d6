"""The distribution's packages of each place: what a distribution patches, we do not bring. Pure."""

from collections.abc import Iterable

COMMON = ("nftables", "openssh-server", "python3-venv", "systemd-timesyncd")
POSTGRES = "17"  # Debian 13's
PACKAGES = {
    "app": ("nginx", f"postgresql-{POSTGRES}", f"postgresql-{POSTGRES}-pgvector", "valkey-server"),
    # vLLM compiles kernels when it starts; its CPU build links against libnuma.
    "gpu": ("g++", "libnuma1", "python3-dev"),
}


def list_packages(places: Iterable[str]) -> list[str]:
    return sorted({*COMMON, *(package for place in places for package in PACKAGES[place])})
