"""vLLM's ``bench serve`` inside this process: its own parser, its own load, its own figures.

Its command (``vllm bench serve``) does not start on the CPU build, which asks for a distribution named vllm. It can
check a server's certificate and cannot show one of its own: where a way asks for it, the connections it opens get
ours.
"""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from inference.benching.errors import LoadFailedError
from inference.benching.request import Load, Target
from inference.benching.target import build_context

SHOWN_CHARACTERS = 600


def parse(argv: Sequence[str]) -> Any:
    """vLLM's own parser: a flag that it does not know ends the program."""
    from vllm.benchmarks.serve import add_cli_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = FlexibleArgumentParser(prog="bench serve")
    add_cli_args(parser)
    return parser.parse_args(list(argv))


def run(argv: Sequence[str], target: Target, load: Load) -> dict[str, Any]:
    """One run's figures, as vLLM names them. What it prints goes to standard error. Raises LoadFailedError."""
    from vllm.benchmarks.serve import main_async

    context = build_context(target.tls) if target.tls is not None else None
    with contextlib.redirect_stdout(sys.stderr), _connections_show(context):
        try:
            found: dict[str, Any] = asyncio.run(main_async(parse(argv)))
        except ValueError as error:  # how vLLM says that its first request failed
            raise LoadFailedError(f"{target.name}: {str(error)[-SHOWN_CHARACTERS:]}") from None
    if found["completed"] != load.prompts:
        said = next((each for each in found["errors"] if each), "no reason was given")[-SHOWN_CHARACTERS:]
        raise LoadFailedError(f"{target.name}: {found['completed']} of {load.prompts} requests were answered. {said}")
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


@contextmanager
def _connections_show(context: ssl.SSLContext | None) -> Iterator[None]:
    """Connections that aiohttp would make with its default certificates are made with ``context``."""
    import aiohttp

    if context is None:
        yield
        return
    plain = aiohttp.TCPConnector

    def connect(*arguments: Any, **options: Any) -> Any:
        return plain(*arguments, **{**options, "ssl": context})

    aiohttp.TCPConnector = connect
    try:
        yield
    finally:
        aiohttp.TCPConnector = plain
