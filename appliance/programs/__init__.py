"""What each component executes: argv and a closed environment, as values.

The local supervisor, systemd units and Pods are rendered from it. Starts nothing itself.
"""

from appliance.programs.application import (
    MARKER,
    QUEUES,
    Installation,
    Program,
    build_application_programs,
    build_base_environment,
    build_webapp_environment,
    worker_node,
)
from appliance.programs.installed import build_installed_programs
from appliance.programs.registrations import Served, build_registrations

__all__ = [
    "MARKER",
    "QUEUES",
    "Installation",
    "Program",
    "Served",
    "build_application_programs",
    "build_base_environment",
    "build_installed_programs",
    "build_registrations",
    "build_webapp_environment",
    "worker_node",
]
