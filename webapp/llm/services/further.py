"""Bring what is registered beside the primary models to what the settings declare. Audited, and twice is once."""

from collections.abc import Sequence

from django.db import transaction

from webapp.llm.declaring import ROLES, Declared
from webapp.llm.models import ModelEndpoint
from webapp.llm.services import endpoints
from webapp.llm.types import Role

MARK = "engine"  # in the detail of what the settings declared; what a person registered has none


@transaction.atomic
def declare(declared: Sequence[Declared]) -> int:
    """How many rows changed. Fallbacks that a person named stay, unless the settings name another one."""
    changed = 0
    for role in ROLES:
        changed += _declare(role, [each for each in declared if each.role == role])
    return changed


def _declare(role: Role, declared: list[Declared]) -> int:
    rows = endpoints.lock(role)
    wanted = {(endpoints.base_url_of(each.url), each.model_name): each for each in declared}
    primary = next((row for row in rows if row.place == "primary"), None)
    if primary is not None:
        wanted.pop((primary.base_url, primary.model_name), None)
    has_fallback = any(each.place == "fallback" for each in wanted.values())
    changed = 0
    for row in rows:
        is_declared = row.place == "further" or (row.place == "fallback" and MARK in row.detail)
        is_replaced = row.place == "fallback" and has_fallback
        if (is_declared or is_replaced) and (row.base_url, row.model_name) not in wanted:
            row.delete()
            endpoints.record("model.remove_endpoint", role, url=row.base_url)
            changed += 1
    for (base_url, model_name), each in wanted.items():
        detail = dict(each.detail)
        values = {"place": each.place, "name": model_name, "detail": {MARK: "", **detail}}
        known = next((row for row in rows if (row.base_url, row.model_name) == (base_url, model_name)), None)
        if known is not None and all(getattr(known, key) == value for key, value in values.items()):
            continue
        ModelEndpoint.objects.update_or_create(
            role=role, active=True, base_url=base_url, model_name=model_name, defaults=values
        )
        endpoints.record(f"model.{each.place}", role, name=model_name, url=base_url)
        changed += 1
    return changed
