"""Each family in each format, on the real vLLM through the appliance's own command."""

from pathlib import Path

import pytest

from inference.registry.checkpoint import inspect_checkpoint
from tests.engines.launch import RunningEngine
from tests.engines.obeying import (
    assert_calls_tool_when_forced,
    assert_is_ready_and_streams,
    assert_obeys_schema,
    assert_reads_own_format,
    assert_refuses_what_is_wrong,
)
from tests.engines.predicted import predict, read_kv_tokens
from tests.matrix.cells import Cell
from tests.matrix.results import Row


def test_engine_is_ready_and_streams(engine: RunningEngine, row: Row) -> None:
    assert_is_ready_and_streams(engine)
    row.streams = True


def test_tool_is_called_when_forced(engine: RunningEngine, row: Row) -> None:
    assert_calls_tool_when_forced(engine)
    row.calls_tool = True


def test_call_in_the_format_of_the_family_is_understood(cell: Cell, engine: RunningEngine, row: Row) -> None:
    assert_reads_own_format(engine, cell.family)
    row.reads_own_format = True


def test_answer_obeys_a_schema(engine: RunningEngine, row: Row) -> None:
    assert_obeys_schema(engine)
    row.obeys_schema = True


def test_wrong_request_is_refused(engine: RunningEngine, row: Row) -> None:
    assert_refuses_what_is_wrong(engine)
    row.refuses = True


def test_format_is_the_one_that_was_asked_for(cell: Cell, engine: RunningEngine) -> None:
    log = engine.log.read_text(encoding="utf-8", errors="replace")
    assert f"quantization={cell.engine_quantization}," in log
    assert f"load_format={'bitsandbytes' if cell.is_converted else 'safetensors'}" in log


def test_planned_weights_are_within_two_percent_of_the_files(cell: Cell, checkpoint: Path, row: Row) -> None:
    """What is converted while it is loaded lies on no disk: there the plan of the 16-bit files is compared."""
    on_disk = inspect_checkpoint(checkpoint).weights_bytes
    planned = predict(checkpoint, format_="bf16" if cell.is_converted else cell.format).weights_bytes
    if not cell.is_converted:
        row.weights_files = on_disk
    row.weights_planned = predict(checkpoint, format_=cell.format).weights_bytes
    assert planned == pytest.approx(on_disk, rel=0.02)


def test_planned_cache_is_within_five_percent_of_what_the_engine_logs(
    cell: Cell, checkpoint: Path, engine: RunningEngine, row: Row
) -> None:
    row.kv_tokens_planned = predict(checkpoint, format_=cell.format, kv_cache_dtype=cell.kv_cache_dtype).kv_tokens
    row.kv_tokens_logged = read_kv_tokens(engine.log)
    assert row.kv_tokens_logged == pytest.approx(row.kv_tokens_planned, rel=0.05)
