"""What PostgreSQL's JSON refuses never reaches it."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from webapp.streaming.errors import EventRefused
from webapp.streaming.follow import encode_sse
from webapp.streaming.payload import DATA_BYTES, encode_data
from webapp.streaming.publish import decode_event, encode_event
from webapp.streaming.types import Event

EVENT = Event(
    UUID(int=7), 4, 2, "token", {"text": "a\nb\r\u2028 £ \U0001f600"}, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
)


def test_nul_and_half_a_surrogate_pair_are_replaced() -> None:
    assert json.loads(encode_data({"a\x00": ["b\x00", {"c": "\ud83d!"}]})) == {"a\ufffd": ["b\ufffd", {"c": "?!"}]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(EventRefused):
        encode_data({"value": value})


def test_oversized_data_is_refused() -> None:
    with pytest.raises(EventRefused, match="larger"):
        encode_data({"text": "x" * DATA_BYTES})


def test_event_survives_redis() -> None:
    assert decode_event(EVENT.run_id, encode_event(EVENT).encode()) == EVENT


def test_server_sent_event_is_three_lines_whatever_the_text() -> None:
    lines = encode_sse(EVENT).decode().split("\n")
    assert lines[0] == "id: 4"
    assert lines[1] == "event: token"
    assert json.loads(lines[2].removeprefix("data: ")) == EVENT.data
    assert lines[3:] == ["", ""]
    assert "\r" not in lines[2]
