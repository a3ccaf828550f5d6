"""``python -m inference.benching``: measure ways to a running engine. For the command line, and for a GPU host by hand.

Without arguments a request is read from standard input, and events are written as JSON lines. With ``--url`` it is a
command of its own, where the web application's environment, and with it the operator's command, is not installed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from appliance.settings.environment import REPOSITORY
from inference.benching import vllm_bench
from inference.benching.errors import BenchError
from inference.benching.report import build_report, build_rows, describe, write_markdown
from inference.benching.request import Load, Request, Target, Tls
from inference.benching.target import find_served, require_same
from inference.benching.turns import build_argv, order
from inference.dialogue import EXIT_INTERRUPTED, EXIT_REFUSED, See, answer, interrupt_once
from inference.metrics.device import describe_device, list_versions, read_gpus
from inference.serving.environment import build_embedder_environment


def bench(request: Request, see: See) -> dict[str, Any]:
    """The report. Raises BenchError."""
    served = require_same({target.name: find_served(target, request.tokenizer) for target in request.targets})
    runs: dict[str, list[dict[str, float]]] = {target.name: [] for target in request.targets}
    total = request.rounds * len(request.targets)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    for number in range(request.rounds):
        for target in order(request.targets, number):
            see("Measuring", sum(len(of) for of in runs.values()), total)
            argv = build_argv(target, served, request.load, salt=f"bench-{date}-{number}-{target.name}")
            runs[target.name].append(vllm_bench.run(argv, target, request.load))
    see("Measuring", total, total)
    gpus = read_gpus()
    return build_report(
        request, runs, model=served.model, date=date, machine=describe_device("cuda" if gpus else "cpu", gpus),
        versions=list_versions(),
    )  # fmt: skip


def parse(arguments: list[str]) -> tuple[Request, str]:
    """The request, and how to print what comes of it. Raises ValidationError."""
    parser = argparse.ArgumentParser(prog="python -m inference.benching", description="Load ways to a running engine.")
    parser.add_argument("--url", required=True, help="where the engine answers, without /v1")
    parser.add_argument("--proxy-url", help="where engine-proxy answers, without /v1")
    parser.add_argument("--ca-file", type=Path, help="who signed the proxy's certificate")
    parser.add_argument("--certificate-file", type=Path, help="a client's certificate, to show to the proxy")
    parser.add_argument("--key-file", type=Path, help="its private key")
    parser.add_argument("--tokenizer", type=Path, help="the model's directory, when the engine's is elsewhere")
    parser.add_argument("--rounds", type=int, default=Request.model_fields["rounds"].default)
    for name, field in Load.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=field.default)
    parser.add_argument("--format", choices=("table", "markdown", "json"), default="table")
    given = parser.parse_args(arguments)
    files = (given.ca_file, given.certificate_file, given.key_file)
    if any(files) and not all(files):
        parser.error("--ca-file, --certificate-file and --key-file belong together")
    tls = Tls(ca_file=files[0], certificate_file=files[1], key_file=files[2]) if all(files) else None
    targets = [Target(name="engine", url=given.url.rstrip("/"))]
    if given.proxy_url:
        targets.append(Target(name="engine-proxy", url=given.proxy_url.rstrip("/"), tls=tls))
    load = Load(**{name: getattr(given, name) for name in Load.model_fields})
    request = Request(targets=tuple(targets), load=load, rounds=given.rounds, tokenizer=given.tokenizer)
    return request, given.format


def print_report(report: dict[str, Any], form: str) -> None:
    if form == "json":
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    elif form == "markdown":
        sys.stdout.write(write_markdown(report))
    else:
        rows = build_rows(report)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
        sys.stdout.write("\n".join([*(line.rstrip() for line in lines), "", *describe(report)]) + "\n")


def run_closed(request: Request) -> dict[str, Any]:
    """The same program again, with a closed environment: nothing of the caller's own, and nothing reaches out."""
    python = Path(sys.executable)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        env = build_embedder_environment(python=python, data_dir=Path(folder), root=REPOSITORY)
        done = subprocess.run(
            [str(python), "-P", "-m", "inference.benching"], input=request.model_dump_json(), env=env, cwd="/",
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if "result" not in last:
        raise BenchError(last.get("refused") or f"The benchmark ended with {done.returncode}; what is above says why.")
    result: dict[str, Any] = last["result"]
    return result


def main(arguments: list[str]) -> int:
    if not arguments:
        return answer(Request, bench, refusals=(BenchError, OSError))
    interrupt_once()
    try:
        request, form = parse(arguments)
        print_report(run_closed(request), form)
    except (BenchError, ValidationError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
