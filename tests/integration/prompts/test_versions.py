"""Versions are named by their content and never change; labels move, and that is audited."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from webapp.audit.models import AuditEvent
from webapp.prompts import api
from webapp.prompts.content import content_sha256
from webapp.prompts.errors import InvalidPrompt, PromptNotFound
from webapp.prompts.models import PromptVersion

pytestmark = pytest.mark.django_db


def test_defaults_are_there_after_migrate() -> None:
    answer = api.get_version(name="answer")
    notice = api.get_version(name="no_model_notice")

    assert "{{passages}}" in answer.text
    assert answer.sha256 == content_sha256(text=answer.text, parameters=answer.parameters)
    assert answer.short == f"answer@{answer.sha256[:8]}"
    assert notice.text == "No language model is installed: these are the passages that match."


def test_migrate_again_leaves_a_published_version_in_place() -> None:
    published = api.publish(name="answer", text="Mine: {{passages}}", parameters={}, actor_id=None)

    call_command("migrate", verbosity=0)

    assert api.get_version(name="answer") == published


def test_publish_moves_the_label_and_is_audited() -> None:
    before = api.get_version(name="answer")

    after = api.publish(name="answer", text="New {{passages}}", parameters={"max_tokens": 5}, actor_id=None)

    assert api.get_version(name="answer") == after != before
    event = AuditEvent.objects.get(action="prompt.publish")
    assert event.detail == {"label": "production", "sha256": after.sha256, "previous": before.sha256}


def test_publish_of_the_same_content_makes_no_second_version_and_no_noise() -> None:
    first = api.publish(name="title", text="Name it", parameters={"a": 1, "b": 2}, actor_id=None)
    second = api.publish(name="title", text="Name it", parameters={"b": 2, "a": 1}, actor_id=None)

    assert first == second
    assert PromptVersion.objects.filter(prompt__name="title").count() == 1
    assert AuditEvent.objects.filter(action="prompt.publish").count() == 1


def test_publish_of_an_earlier_version_moves_the_label_back() -> None:
    first = api.publish(name="title", text="One", parameters={}, actor_id=None)
    api.publish(name="title", text="Two", parameters={}, actor_id=None)

    assert api.publish(name="title", text="One", parameters={}, actor_id=None).id == first.id
    assert api.get_version(name="title") == first


def test_publish_under_another_label_leaves_production_alone() -> None:
    before = api.get_version(name="answer")
    draft = api.publish(name="answer", text="Draft", parameters={}, label="draft", actor_id=None)

    assert api.get_version(name="answer") == before
    assert api.get_version(name="answer", label="draft") == draft


@pytest.mark.parametrize(
    "statement", ["UPDATE prompts_promptversion SET text = 'changed'", "DELETE FROM prompts_promptversion"]
)
def test_database_refuses_to_change_a_version(statement: str) -> None:
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_missing_prompt_is_named() -> None:
    with pytest.raises(PromptNotFound, match="'nowhere' labelled 'production'"):
        api.get_version(name="nowhere")


def test_empty_prompt_is_refused() -> None:
    with pytest.raises(InvalidPrompt):
        api.publish(name="title", text="  ", parameters={}, actor_id=None)
