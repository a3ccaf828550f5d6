"""``manage.py endpoint``: one model a role with its endpoints and a fallback; what people typed is checked."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from webapp.audit.models import AuditEvent
from webapp.llm import api
from webapp.llm.errors import NoModel
from webapp.llm.models import ModelEndpoint
from webapp.llm.services import endpoints

pytestmark = pytest.mark.django_db


def endpoint(*args: str) -> str:
    out = StringIO()
    call_command("endpoint", *args, stdout=out)
    return out.getvalue()


def test_endpoint_set_makes_the_model_the_one_in_use() -> None:
    endpoint("set", "--role", "generate", "--url", "http://127.0.0.1:8410/v1/", "--model", "qwen")
    said = endpoint(
        "set", "--role", "generate", "--url", "http://127.0.0.1:8410", "--model", "llama",
        "--name", "Llama", "--detail", '{"max_context_tokens": 4096}',
    )  # fmt: skip

    model = api.find_model()
    assert model is not None
    assert (model.name, model.model_name, model.base_url) == ("Llama", "llama", "http://127.0.0.1:8410")
    assert model.max_context_tokens == 4096
    assert "set" in said
    assert ModelEndpoint.objects.count() == 1


def test_endpoint_set_twice_changes_nothing() -> None:
    command = ("set", "--role", "embed", "--url", "http://127.0.0.1:8420", "--model", "MiniLM")
    endpoint(*command)
    audited = AuditEvent.objects.count()

    assert "unchanged" in endpoint(*command)
    assert AuditEvent.objects.count() == audited


def test_endpoint_clear_leaves_the_role_empty() -> None:
    endpoint("set", "--role", "generate", "--url", "http://127.0.0.1:8410", "--model", "qwen")

    endpoint("clear", "--role", "generate")

    assert api.find_model() is None
    assert json.loads(endpoint("list")) == []


@pytest.mark.parametrize(
    ("url", "detail", "words"),
    [
        ("ftp://somewhere", "{}", "not an http address"),
        ("http://127.0.0.1:1", "{", "not JSON"),
        ("http://127.0.0.1:1", "[]", "has to be a JSON object"),
    ],
)
def test_endpoint_set_refuses_what_cannot_work(url: str, detail: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        endpoint("set", "--role", "generate", "--url", url, "--model", "m", "--detail", detail)


def test_database_refuses_a_second_primary_model_in_a_role() -> None:
    ModelEndpoint.objects.create(role="generate", name="a", base_url="http://a", model_name="a")

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelEndpoint.objects.create(role="generate", name="b", base_url="http://b", model_name="b")


MODEL = ("set", "--role", "generate", "--url", "http://a:1", "--model", "qwen", "--name", "Qwen")
ADD = ("add", "--role", "generate", "--url", "http://b:1", "--model", "qwen")
FALLBACK = ("fallback", "--role", "generate", "--url", "http://c:1", "--model", "small")


def registered() -> list[tuple[str, str, str]]:
    return [(row["place"], row["url"], row["model"]) for row in json.loads(endpoint("list"))]


def test_endpoints_are_added_and_removed_once_and_audited() -> None:
    for command in (MODEL, ADD, FALLBACK):
        assert "unchanged" not in endpoint(*command)
        assert "unchanged" in endpoint(*command)
    assert registered() == [
        ("primary", "http://a:1", "qwen"),
        ("added", "http://b:1", "qwen"),
        ("fallback", "http://c:1", "small"),
    ]

    assert "(removed)" in endpoint("remove", "--role", "generate", "--url", "http://c:1/v1")
    assert "was not registered" in endpoint("remove", "--role", "generate", "--url", "http://c:1")

    assert [event.action for event in AuditEvent.objects.filter(object_type="model").order_by("pk")] == [
        "model.set",
        "model.add_endpoint",
        "model.fallback",
        "model.remove_endpoint",
    ]


def test_endpoint_set_again_leaves_added_endpoints_and_the_fallback() -> None:
    for command in (MODEL, ADD, FALLBACK):
        endpoint(*command)

    assert "unchanged" in endpoint(*MODEL)
    endpoint("set", "--role", "generate", "--url", "http://z:1", "--model", "qwen")

    assert registered() == [
        ("primary", "http://z:1", "qwen"),
        ("added", "http://b:1", "qwen"),
        ("fallback", "http://c:1", "small"),
    ]


def test_endpoint_set_to_an_added_address_makes_it_the_primary_one() -> None:
    for command in (MODEL, ADD):
        endpoint(*command)

    endpoint("set", "--role", "generate", "--url", "http://b:1", "--model", "qwen")

    assert registered() == [("primary", "http://b:1", "qwen")]


def test_endpoint_set_to_another_model_takes_the_former_ones_endpoints_away() -> None:
    for command in (MODEL, ADD, FALLBACK):
        endpoint(*command)

    endpoint("set", "--role", "generate", "--url", "http://a:1", "--model", "small")

    assert registered() == [("primary", "http://a:1", "small")]


def test_added_endpoint_has_the_primary_ones_name_and_detail() -> None:
    endpoint(*MODEL, "--detail", '{"max_context_tokens": 4096, "chat_template_kwargs": {"enable_thinking": false}}')
    endpoint(*ADD)

    primary, added = endpoints.list_endpoints(role="generate")

    assert (added.name, added.max_context_tokens, added.detail) == ("Qwen", 4096, primary.detail)


def test_endpoint_remove_of_the_primary_one_puts_an_added_one_in_its_place() -> None:
    for command in (MODEL, ADD):
        endpoint(*command)

    endpoint("remove", "--role", "generate", "--url", "http://a:1")

    assert registered() == [("primary", "http://b:1", "qwen")]
    model = api.find_model()
    assert model is not None
    assert model.name == "Qwen"


def test_endpoint_fallback_of_another_model_replaces_the_former() -> None:
    endpoint(*MODEL)
    endpoint(*FALLBACK)

    endpoint("fallback", "--role", "generate", "--url", "http://d:1", "--model", "smaller")

    assert registered()[1:] == [("fallback", "http://d:1", "smaller")]


def test_endpoint_clear_leaves_others_that_serve_nobody_until_the_model_is_set_again() -> None:
    for command in (MODEL, ADD, FALLBACK):
        endpoint(*command)

    assert "had no model" not in endpoint("clear", "--role", "generate")
    assert "had no model" in endpoint("clear", "--role", "generate")
    assert api.find_model() is None
    with pytest.raises(NoModel):
        endpoints.list_endpoints(role="generate")

    endpoint(*MODEL)
    assert [place for place, _, _ in registered()] == ["primary", "added", "fallback"]

    endpoint("clear", "--role", "generate")
    endpoint("set", "--role", "generate", "--url", "http://a:1", "--model", "llama")
    assert [place for place, _, _ in registered()] == ["primary", "fallback"]


@pytest.mark.parametrize(
    ("before", "command", "words"),
    [
        ((), ADD, "name its first endpoint with `endpoint set`"),
        ((), FALLBACK, "name it with `endpoint set` before its fallback"),
        ((MODEL,), (*ADD[:-1], "other"), "served by 'qwen'"),
        ((MODEL,), (*FALLBACK[:-1], "qwen"), "is the model itself"),
        ((MODEL,), ("remove", "--role", "generate", "--url", "http://a:1"), "is the only endpoint of generate"),
        ((MODEL,), ("add", "--role", "generate", "--url", "gopher://b", "--model", "qwen"), "not an http address"),
        ((), ("fallback", "--role", "embed", "--url", "http://c:1", "--model", "small"), "invalid choice: 'embed'"),
    ],
)
def test_endpoint_change_that_makes_no_sense_is_refused(
    before: tuple[tuple[str, ...], ...], command: tuple[str, ...], words: str
) -> None:
    for each in before:
        endpoint(*each)
    rows = registered()

    with pytest.raises(CommandError, match=words):
        endpoint(*command)

    assert registered() == rows


def test_database_refuses_a_fallback_that_embeds() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelEndpoint.objects.create(role="embed", place="fallback", name="a", base_url="http://a", model_name="a")
