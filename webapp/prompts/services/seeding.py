"""The prompts that the appliance ships with: rows from the first day, made from ``defaults/*.md``.

They are made after every ``migrate`` when they are missing, and never touched again: from then on the text belongs to
the administrators of the installation.
"""

from pathlib import Path
from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import transaction

from webapp.prompts import content

DEFAULTS = Path(__file__).resolve().parent.parent / "defaults"
PARAMETERS: dict[str, dict[str, Any]] = {
    "answer": {"temperature": 0.2, "max_tokens": 1024},
    "no_model_notice": {},
}
LABEL = "production"


def seed_after_migrate(*, using: str, apps: Apps = installed_apps, **_: Any) -> None:
    """Receive ``post_migrate``. Before this room's tables exist (``migrate prompts zero``) there is nothing to do."""
    try:
        prompt_model: Any = apps.get_model("prompts", "Prompt")
    except LookupError:
        return
    version_model: Any = apps.get_model("prompts", "PromptVersion")
    label_model: Any = apps.get_model("prompts", "PromptLabel")
    with transaction.atomic(using=using):
        for name, parameters in PARAMETERS.items():
            prompt, _ = prompt_model._default_manager.using(using).get_or_create(name=name)
            if label_model._default_manager.using(using).filter(prompt=prompt, name=LABEL).exists():
                continue
            text = (DEFAULTS / f"{name}.md").read_text(encoding="utf-8").strip()
            sha256 = content.content_sha256(text=text, parameters=parameters)
            version, _ = version_model._default_manager.using(using).get_or_create(
                prompt=prompt, sha256=sha256, defaults={"text": text, "parameters": parameters}
            )
            label_model._default_manager.using(using).create(prompt=prompt, name=LABEL, version=version)
