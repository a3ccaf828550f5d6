"""``manage.py record_acknowledgement``: who acknowledged which licence is in the record, once."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from appliance.hosts.licences import judge, look_into_set
from inference.registry.load import load_catalogue
from webapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


def build(**changes: object) -> dict[str, Any]:
    return {
        "schema_version": 1, "id": str(uuid4()), "at": "2026-01-02T03:04:05+00:00", "name": "Test Person",
        "os_user": "root", "model": "Qwen/Qwen3-0.6B@main", "licence": "apache-2.0",
        "licence_name": "Apache License 2.0", "text_id": "0123456789abcdef", "origin": "catalogue", **changes,
    }  # fmt: skip


def record(document: object) -> dict[str, Any]:
    out = StringIO()
    call_command("record_acknowledgement", json.dumps(document), stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_acknowledgement_is_recorded_with_name_model_and_licence() -> None:
    document = build()
    assert record(document) == {"schema_version": 1, "recorded": True}
    event = AuditEvent.objects.get(object_type="licence_acknowledgement", object_id=document["id"])
    assert (event.action, event.actor_id) == ("model.licence_acknowledge", None)
    assert event.detail == {key: value for key, value in document.items() if key not in ("schema_version", "id")}


def test_what_a_playbook_found_in_its_inventory_is_such_an_acknowledgement(tmp_path: Path) -> None:
    """As the row of `models activate`: the same keys, read by the same command."""
    said = {"acknowledged_by": "Test Person", "licence": "unknown"}
    seen = look_into_set(tmp_path, "tiny")
    words = re.search(r'words: "([0-9a-f]+)"', judge(load_catalogue(), seen, model="t", folder="t", said=None).problem)
    assert words is not None
    found = judge(load_catalogue(), seen, model="t", folder="t", said={**said, "words": words.group(1)})
    assert found.document is not None
    assert [record(dict(found.document))["recorded"] for _ in range(2)] == [True, False]


def test_same_acknowledgement_is_recorded_once() -> None:
    document = build()
    record(document)
    assert record(document)["recorded"] is False
    assert AuditEvent.objects.filter(object_id=document["id"]).count() == 1


@pytest.mark.parametrize(
    "document",
    [
        [], {}, build(schema_version=2), build(id="x"), build(name=" "), build(name=7), build(more="x"),
        {key: value for key, value in build().items() if key != "model"},
    ],
)  # fmt: skip
def test_what_is_no_acknowledgement_is_refused(document: object) -> None:
    with pytest.raises(CommandError):
        record(document)
    assert not AuditEvent.objects.filter(action="model.licence_acknowledge").exists()


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(CommandError):
        call_command("record_acknowledgement", "{")
