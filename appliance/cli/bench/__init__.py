"""``bench``: measure what runs. One verb a file."""

import typer

from appliance.cli.bench.serving import serving

bench = typer.Typer(help="Measure what runs.", no_args_is_help=True)
bench.command()(serving)


@bench.callback()
def _measure() -> None:
    """Measure what runs."""  # with a callback, one verb keeps its name
