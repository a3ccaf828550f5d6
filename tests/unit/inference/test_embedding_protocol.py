import base64
import struct
from typing import Any

import pytest

from inference.serving.embedding_protocol import (
    MAX_CHARACTERS,
    MAX_INPUTS,
    RefusedRequestError,
    build_response,
    read_request,
)


def read(**changes: Any) -> Any:
    body = {"model": "m", "input": "text", **changes}
    return read_request(body, served_name="m", dimensions=2)


def test_request_with_one_string_is_one_text() -> None:
    assert read().texts == ("text",)
    assert read().encoding_format == "float"


def test_request_with_a_list_keeps_its_order() -> None:
    assert read(input=["b", "a"], encoding_format="base64", dimensions=2).texts == ("b", "a")


@pytest.mark.parametrize(
    ("changes", "param", "status"),
    [
        ({"model": None}, "model", 400),
        ({"model": "other"}, "model", 404),
        ({"input": None}, "input", 400),
        ({"input": []}, "input", 400),
        ({"input": ["a", 7]}, "input", 400),
        ({"input": [[1, 2]]}, "input", 400),
        ({"input": ["a", " \n"]}, "input", 400),
        ({"input": ["a"] * (MAX_INPUTS + 1)}, "input", 400),
        ({"input": "a" * (MAX_CHARACTERS + 1)}, "input", 400),
        ({"encoding_format": "hex"}, "encoding_format", 400),
        ({"dimensions": 3}, "dimensions", 400),
    ],
)
def test_request_with_a_bad_parameter_is_refused_by_name(changes: dict[str, Any], param: str, status: int) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read(**changes)
    assert (caught.value.param, caught.value.status) == (param, status)
    assert set(caught.value.body()["error"]) == {"message", "type", "param", "code"}


def test_request_that_is_no_object_is_refused() -> None:
    with pytest.raises(RefusedRequestError, match="JSON object"):
        read_request(["text"], served_name="m", dimensions=2)


def test_response_in_base64_is_little_endian_float32() -> None:
    response = build_response(
        served_name="m", vectors=[(0.5, -1.0)], encoding_format="base64", prompt_tokens=3, truncated=[0]
    )
    assert struct.unpack("<2f", base64.b64decode(response["data"][0]["embedding"])) == (0.5, -1.0)
    assert response["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert response["truncated"] == [0]
