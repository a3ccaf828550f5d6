"""``python -m appliance.rendering VERB``: print what is rendered from the settings that ``APPLIANCE_CONFIG`` names.

Each verb is one module here with ``add_arguments(parser)`` and ``render(settings, arguments) -> str``.
"""

import argparse
import importlib
import sys
from typing import Protocol, cast

from appliance.settings import Settings, SettingsError, load

# Verb to module: what Ansible, Helm and `make generate` call.
VERBS = {
    "ports": "appliance.rendering.ports",
    "data-flow": "appliance.rendering.data_flow",
    "helm": "appliance.rendering.helm",
}
EXIT_UNUSABLE = 3


class Renderer(Protocol):
    """The shape of a verb's module."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def render(self, settings: Settings, arguments: argparse.Namespace) -> str: ...


def find_renderer(verb: str) -> Renderer:
    return cast(Renderer, importlib.import_module(VERBS[verb]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="appliance.rendering", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in VERBS:
        find_renderer(verb).add_arguments(verbs.add_parser(verb))
    arguments = parser.parse_args()
    try:
        sys.stdout.write(find_renderer(arguments.verb).render(load(), arguments))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
