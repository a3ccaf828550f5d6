"""``bench serving``: vLLM's own load against the running engine, and the same through what stands before it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli import exit_codes
from appliance.cli.models.columns import align
from appliance.cli.screen import err, out
from appliance.cli.steps import Steps
from appliance.cli.up import sources_of
from appliance.cli.usage import UsageError
from appliance.local import environments, inference_program
from appliance.local.instance import LocalAppliance, open_appliance
from inference.benching.report import build_rows, describe, write_markdown

MODULE = "inference.benching"
ENGINE, PROXY = "engine", "engine-proxy"


def serving(
    prompts: Annotated[int, typer.Option(min=2, help="Requests in each run.")] = 32,
    concurrency: Annotated[int, typer.Option(min=1, help="How many at once.")] = 4,
    input_tokens: Annotated[int, typer.Option(min=8, help="Random tokens that each request brings.")] = 256,
    output_tokens: Annotated[int, typer.Option(min=2, help="Tokens that each answer has.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="How often each way has its turn.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same requests.")] = 0,
    url: Annotated[str | None, typer.Option(help="An engine elsewhere, without /v1; else this appliance's.")] = None,
    proxy_url: Annotated[str | None, typer.Option(help="The engine-proxy before it, without /v1.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Who signed the proxy's certificate.")] = None,
    certificate_file: Annotated[Path | None, typer.Option(help="A client's certificate, to show to the proxy.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its private key.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="The model's directory, if the engine's is elsewhere.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a document.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Run vLLM's own benchmark against the engine and through engine-proxy, in turns; print both and the ratio."""
    local = open_appliance()
    load = {
        "prompts": prompts, "concurrency": concurrency, "input_tokens": input_tokens, "output_tokens": output_tokens,
        "seed": seed,
    }  # fmt: skip
    files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
    targets = list_targets(local, url=url, proxy_url=proxy_url, files=files)
    request = {"schema_version": 1, "targets": targets, "load": load, "rounds": rounds,
               "tokenizer": str(tokenizer.expanduser().resolve()) if tokenizer else None}  # fmt: skip
    environments.ensure("inference", sources_of(local))
    with inference_program.working_folder(local, "bench") as folder, Steps() as steps:
        report = inference_program.run(local, MODULE, request, folder=folder, see=steps.see)
    if as_json:
        out.print(json.dumps(report, indent=2), markup=False)
    elif markdown:
        out.print(write_markdown(report), markup=False, end="")
    else:
        head, *rows = build_rows(report)
        lines = align(head, rows, right=head[1:])
        out.print("\n".join([*lines, "", *describe(report)]), markup=False)


def list_targets(
    local: LocalAppliance, *, url: str | None, proxy_url: str | None, files: dict[str, Path | None]
) -> list[dict[str, Any]]:
    """The ways to measure, the engine itself first. What comes to stand before it later is one more entry."""
    given = {name: str(path.expanduser().resolve()) for name, path in files.items() if path}
    if url is None and (proxy_url or given):
        raise UsageError("--proxy-url and the certificates belong to an engine elsewhere: name it with --url.")
    if given and len(given) != len(files):
        raise UsageError("--ca-file, --certificate-file and --key-file belong together: name all three.")
    if url is not None:
        proxy = [{"name": PROXY, "url": proxy_url.rstrip("/"), "tls": given or None}] if proxy_url else []
        return [{"name": ENGINE, "url": url.rstrip("/"), "tls": None}, *proxy]
    if ENGINE not in local.list_running():
        err.print("No engine is running. Start the appliance with a model: bin/appliance up")
        raise typer.Exit(exit_codes.NOT_RUNNING)
    ports = {name: local.topology.port(name) for name in (ENGINE, PROXY)}
    return [{"name": name, "url": port.address, "tls": None} for name, port in ports.items()]
