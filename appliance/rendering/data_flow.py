"""The data-flow diagram of this installation, from its own settings, as SVG."""

import argparse

from appliance.rendering.diagram import draw
from appliance.rendering.reference import TITLES
from appliance.settings import Settings
from appliance.topology import build_topology


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "The data-flow diagram as SVG."


def render(settings: Settings, _arguments: argparse.Namespace) -> str:
    return draw(build_topology(settings), title=f"{settings.site.name}: {TITLES[settings.layout]}")
