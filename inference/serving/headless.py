"""Become a node without a port of an engine that several machines hold: ``python -m inference.serving.headless FLAGS``.

vLLM's own ``vllm serve --headless`` does this. Its CPU build has no such command that starts, and
``python -m vllm.entrypoints.openai.api_server`` knows the flag and ignores it, so the command's code is called here.
"""

from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    cli_env_setup()
    arguments = make_arg_parser(FlexibleArgumentParser()).parse_args()
    if not arguments.headless:
        raise SystemExit("This is for a node without a port: say --headless.")
    validate_parsed_serve_args(arguments)
    ServeSubcommand.cmd(arguments)


if __name__ == "__main__":
    main()
