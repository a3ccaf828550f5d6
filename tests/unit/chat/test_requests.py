from uuid import uuid4

import pytest
from django.core.exceptions import BadRequest
from django.http import QueryDict

from webapp.chat.views.requests import number, text, uuids


def test_uuids_with_a_malformed_id_are_refused_rather_than_fewer() -> None:
    with pytest.raises(BadRequest):
        uuids([str(uuid4()), "x"])


@pytest.mark.parametrize(("value", "expected"), [("7", 7), ("", 3), ("-1", 3), ("x", 3), ("9" * 30, 3), ("٣", 3)])
def test_number_reads_small_plain_integers_only(value: str, expected: int) -> None:
    assert number(value, default=3) == expected


def test_text_has_no_nul() -> None:
    assert text(QueryDict("a=x%00y"), "a") == "xy"
