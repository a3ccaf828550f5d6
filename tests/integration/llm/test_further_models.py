"""Further models are known by their kind and asked nothing; the fallback of the settings comes and goes with them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from webapp.audit.models import AuditEvent
from webapp.llm import api
from webapp.llm.services import endpoints
from webapp.llm.types import split_address

pytestmark = pytest.mark.django_db
PROXY = "http://127.0.0.1:8443"
CODER = {"role": "generate", "url": f"{PROXY}/engines/coder", "model": "coder", "detail": {"engine": "coder"}}
RANKS = {"role": "rerank", "url": f"{PROXY}/engines/ranks", "model": "ranks", "detail": {"engine": "ranks"}}
EMBEDS = {"role": "embed", "url": f"{PROXY}/engines/embeds", "model": "bge", "detail": {"engine": "embeds"}}


def endpoint(*args: str) -> str:
    out = StringIO()
    call_command("endpoint", *args, stdout=out)
    return out.getvalue()


def further(*entries: dict[str, Any]) -> str:
    return endpoint("further", "--entries", json.dumps(entries))


@pytest.fixture(autouse=True)
def main_models() -> None:
    endpoint("set", "--role", "generate", "--url", PROXY, "--model", "main")
    endpoint("set", "--role", "embed", "--url", PROXY, "--model", "MiniLM")


def places(role: Any) -> list[tuple[str, str]]:
    return [(model.model_name, model.place) for model in api.list_models() if model.role == role]


def test_further_models_are_listed_with_their_kind_and_asked_nothing() -> None:
    assert "3 further models (set)" in further(CODER, RANKS, EMBEDS)
    assert places("generate") == [("main", "primary"), ("coder", "further")]
    assert places("rerank") == [("ranks", "further")]
    assert places("embed") == [("MiniLM", "primary"), ("bge", "further")]
    assert [each.model_name for each in endpoints.list_endpoints(role="generate")] == ["main"]
    assert [each.model_name for each in endpoints.list_endpoints(role="embed")] == ["MiniLM"]
    assert api.find_model(role="rerank") is None


def test_naming_them_twice_changes_nothing_and_what_is_not_named_goes() -> None:
    further(CODER, RANKS)
    audited = AuditEvent.objects.count()
    assert "unchanged" in further(CODER, RANKS)
    assert AuditEvent.objects.count() == audited
    further(RANKS)
    assert places("generate") == [("main", "primary")]
    assert AuditEvent.objects.count() == audited + 1


def test_fallback_of_the_settings_is_asked_and_goes_with_them() -> None:
    further({**CODER, "place": "fallback"})
    assert [(each.model_name, each.place) for each in endpoints.list_endpoints(role="generate")] == [
        ("main", "primary"), ("coder", "fallback"),
    ]  # fmt: skip
    further(CODER)
    assert places("generate") == [("main", "primary"), ("coder", "further")]
    further({**CODER, "place": "fallback"})
    further()
    assert places("generate") == [("main", "primary")]


def test_fallback_that_a_person_named_stays_until_the_settings_name_another() -> None:
    endpoint("fallback", "--role", "generate", "--url", "http://127.0.0.1:9000", "--model", "old")
    further(CODER)
    assert ("old", "fallback") in places("generate")
    further({**CODER, "place": "fallback"})
    assert places("generate") == [("main", "primary"), ("coder", "fallback")]


def test_further_model_can_be_made_the_one_that_answers_and_back() -> None:
    further(CODER)
    endpoint("set", "--role", "generate", "--url", f"{PROXY}/engines/coder", "--model", "coder")
    further({"role": "generate", "url": PROXY, "model": "main", "detail": {"engine": "model"}})
    assert places("generate") == [("coder", "primary"), ("main", "further")]
    endpoint("set", "--role", "generate", "--url", PROXY, "--model", "main")
    further(CODER)
    assert places("generate") == [("main", "primary"), ("coder", "further")]


def test_further_model_can_be_named_as_the_fallback_by_a_person() -> None:
    further(CODER)
    endpoint("fallback", "--role", "generate", "--url", f"{PROXY}/engines/coder", "--model", "coder")
    assert places("generate") == [("main", "primary"), ("coder", "fallback")]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("{", "is not JSON"), ("{}", "is not a JSON list"), ('[{"role": "paint"}]', "role is one of"),
        ('[{"role": "rerank", "place": "fallback", "url": "http://h", "model": "m"}]', "only one that generates"),
        ('[{"role": "rerank", "url": 5, "model": "m"}]', "url and model are texts"),
        ('[{"role": "rerank", "url": "h", "model": "m"}]', "is not an http address"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_and_changes_nothing(entries: str, words: str) -> None:
    further(CODER)
    with pytest.raises(CommandError, match=words):
        endpoint("further", "--entries", entries)
    assert places("generate") == [("main", "primary"), ("coder", "further")]


def test_address_says_the_proxy_and_the_engine_behind_it() -> None:
    assert split_address("https://gpu:8443/engines/coder") == ("https://gpu:8443", "coder")
    assert split_address("https://gpu:8443") == ("https://gpu:8443", "model")
