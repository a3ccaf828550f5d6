"""The request that goes to the engine."""

from webapp.llm.services.generation import build_body
from webapp.llm.types import Message, ModelInfo


def model(**detail: object) -> ModelInfo:
    return ModelInfo("generate", "Qwen", "http://127.0.0.1:8410", "qwen", None, detail)


def test_body_is_what_the_engine_is_asked() -> None:
    body = build_body(model=model(), messages=[Message("user", "When?")], max_tokens=7, temperature=0.5)

    assert body == {
        "model": "qwen",
        "messages": [{"role": "user", "content": "When?"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }


def test_body_passes_the_endpoints_template_arguments_on() -> None:
    detail = {"enable_thinking": False}

    body = build_body(model=model(chat_template_kwargs=detail), messages=[], max_tokens=7, temperature=0.5)

    assert body["chat_template_kwargs"] == detail
