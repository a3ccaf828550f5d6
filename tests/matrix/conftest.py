"""What the tests of this tier share: checkpoints of every format, and the rows of the table printed at the end."""

import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.engines.launch import RunningEngine, ensure_tiny_checkpoints
from tests.engines.quantized import ensure_quantized
from tests.matrix.ahead import Ahead, Started
from tests.matrix.cells import CELLS, Cell
from tests.matrix.results import Row, render_table, write_results

BUDGET_MINUTES = 12
ROWS = pytest.StashKey[list[Row]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


@pytest.fixture(scope="module", params=CELLS, ids=lambda cell: cell.name)
def cell(request: pytest.FixtureRequest) -> Cell:
    """Parametrised at module scope, so that one engine at a time is asked."""
    chosen: Cell = request.param
    return chosen


@pytest.fixture(scope="session")
def quantizing() -> Iterator[Path]:
    """An installation where models are quantised, each once for all tests; the components' user may enter it."""
    with tempfile.TemporaryDirectory(prefix="appl-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def ahead(
    request: pytest.FixtureRequest,
    tiny_checkpoints: dict[str, Path],
    quantizing: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ahead]:
    """Engines of the chosen cells, in order; the next one loads its libraries on the other core."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    cells = [cast(Cell, item.callspec.params["cell"]) for item in items if "cell" in item.fixturenames]

    def find_checkpoint(cell: Cell) -> Path:
        original = tiny_checkpoints[cell.family]
        if cell.narrow:
            original = ensure_tiny_checkpoints(original.parent, "--narrow", "--family", cell.family)[cell.family]
        return original if cell.recipe is None else ensure_quantized(original, cell.recipe, quantizing)

    with Ahead(tuple(dict.fromkeys(cells)), find_checkpoint, tmp_path_factory.mktemp("cells")) as started:
        yield started


@pytest.fixture(scope="module")
def row(cell: Cell, request: pytest.FixtureRequest) -> Row:
    new = Row(cell.name, cell.kv_cache_dtype)
    request.config.stash[ROWS].append(new)
    return new


@pytest.fixture(scope="module")
def started(cell: Cell, row: Row, ahead: Ahead) -> Iterator[Started]:
    with ahead.take(cell) as taken:
        row.ready_seconds = taken.ready_seconds
        yield taken


@pytest.fixture(scope="module")
def engine(started: Started) -> RunningEngine:
    """The cell's engine."""
    return started.engine


@pytest.fixture(scope="module")
def checkpoint(started: Started) -> Path:
    """The directory that the cell's engine serves."""
    return started.checkpoint


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, and where the time went: the tier has to stay within its minutes."""
    rows = config.stash[ROWS]
    if rows:
        write_results(rows)
        terminalreporter.section("engines, planned / seen")
        for line in render_table(rows):
            terminalreporter.write_line(line)
    seconds: dict[str, float] = defaultdict(float)
    for report in itertools.chain(*terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section(f"{sum(seconds.values()) / 60:.1f} of {BUDGET_MINUTES} minutes")
    for file, spent in sorted(seconds.items(), key=lambda each: -each[1]):
        terminalreporter.write_line(f"{spent:6.0f} s  {file}")
