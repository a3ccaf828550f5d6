"""Refusals have OpenAI's shape, so that every client reads them."""

import json

import pytest

from inference.engine_proxy import refusals
from inference.engine_proxy.refusals import Refusal

ALL = [
    *(value for value in vars(refusals).values() if isinstance(value, Refusal)),
    refusals.too_large(8), refusals.absent("engine"), refusals.broken("embedder"),
]  # fmt: skip


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_refusal_has_openais_shape(refusal: Refusal) -> None:
    error = json.loads(refusal.body)["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == ("server_error" if refusal.status >= 500 else "invalid_request_error")
    assert error["message"].endswith(".")


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_client_is_told_when_to_come_back_where_that_helps(refusal: Refusal) -> None:
    assert ("Retry-After" in refusal.headers) == (refusal.status >= 500)
