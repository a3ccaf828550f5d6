"""Publishing a version and finding the one a label points at."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from webapp.audit import api as audit
from webapp.prompts import content, models, types
from webapp.prompts.errors import InvalidPrompt, PromptNotFound


def get_version(*, name: str, label: str = "production") -> types.PromptVersion:
    """The version that ``label`` points at. Raises PromptNotFound."""
    row = (
        models.PromptVersion.objects.select_related("prompt")
        .filter(labels__name=label, labels__prompt__name=name, prompt__name=name)
        .first()
    )
    if row is None:
        raise PromptNotFound(name, label)
    return _value(row)


@transaction.atomic
def publish(
    *, name: str, text: str, parameters: Mapping[str, Any], label: str = "production", actor_id: int | None
) -> types.PromptVersion:
    """Store this content (once, however often it is published) and let ``label`` point at it."""
    if not text.strip():
        raise InvalidPrompt("the text is empty")
    prompt, _ = models.Prompt.objects.get_or_create(name=name)
    models.Prompt.objects.select_for_update().get(pk=prompt.pk)
    sha256 = content.content_sha256(text=text, parameters=parameters)
    version, _ = models.PromptVersion.objects.get_or_create(
        prompt=prompt, sha256=sha256, defaults={"text": text, "parameters": dict(parameters)}
    )
    pointer = models.PromptLabel.objects.select_related("version").filter(prompt=prompt, name=label).first()
    if pointer is None or pointer.version_id != version.pk:
        previous = pointer.version.sha256 if pointer else None
        models.PromptLabel.objects.update_or_create(prompt=prompt, name=label, defaults={"version": version})
        audit.record(
            action="prompt.publish",
            actor_id=actor_id,
            object_type="prompt",
            object_id=name,
            detail={"label": label, "sha256": sha256, "previous": previous},
        )
    return _value(version)


def _value(row: models.PromptVersion) -> types.PromptVersion:
    return types.PromptVersion(
        id=row.pk, name=row.prompt.name, sha256=row.sha256, text=row.text, parameters=row.parameters
    )
