"""``manage.py endpoint``: one active model a role, and what people typed is checked."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from webapp.audit.models import AuditEvent
from webapp.llm import api
from webapp.llm.models import ModelEndpoint

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


def test_database_refuses_a_second_active_model_in_a_role() -> None:
    ModelEndpoint.objects.create(role="generate", name="a", base_url="http://a", model_name="a")

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelEndpoint.objects.create(role="generate", name="b", base_url="http://b", model_name="b")
