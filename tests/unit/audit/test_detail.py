"""A detail is bounded, and PostgreSQL takes it."""

import json

from webapp.audit.detail import DETAIL_BYTES, TEXT_CHARACTERS, build_detail
from webapp.audit.types import JSON


def test_ordinary_detail_is_kept() -> None:
    detail: dict[str, JSON] = {"name": "Ünïcode", "groups": [1, 2], "public": True, "note": None, "share": 0.5}
    assert build_detail(detail) == detail


def test_what_postgresql_refuses_is_replaced() -> None:
    assert build_detail({"a\x00": "b\x00\ud800", "c": float("nan"), "d": float("inf")}) == {
        "a\ufffd": "b\ufffd?",
        "c": "nan",
        "d": "inf",
    }


def test_long_text_is_cut() -> None:
    cut = build_detail({"text": "x" * 10_000})
    assert isinstance(cut, dict)
    assert cut["text"] == "x" * (TEXT_CHARACTERS - 1) + "…"


def test_deep_nest_is_cut() -> None:
    nested: JSON = "end"
    for _ in range(2000):
        nested = [nested]
    assert json.dumps(build_detail({"nested": nested}), ensure_ascii=False) == '{"nested": [[[["…"]]]]}'


def test_what_is_still_too_large_keeps_its_keys() -> None:
    cut = build_detail({f"key{number}" + "y" * 100: "ü" * 400 for number in range(500)})
    assert isinstance(cut, dict)
    assert cut["cut"] is True
    assert isinstance(cut["keys"], list)
    assert len(json.dumps(cut, ensure_ascii=False).encode()) <= DETAIL_BYTES
