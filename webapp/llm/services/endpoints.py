"""Choosing which endpoint serves a role."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from django.db import transaction

from webapp.audit import api as audit
from webapp.llm.errors import NoModel
from webapp.llm.models import ModelEndpoint
from webapp.llm.types import ModelInfo, Role


def find_model(*, role: Role) -> ModelInfo | None:
    row = ModelEndpoint.objects.filter(role=role, active=True).first()
    return _info(row) if row else None


def get_model(*, role: Role) -> ModelInfo:
    model = find_model(role=role)
    if model is None:
        raise NoModel(role)
    return model


def list_models() -> list[ModelInfo]:
    return [_info(row) for row in ModelEndpoint.objects.filter(active=True).order_by("role")]


@transaction.atomic
def set_model(*, role: Role, url: str, model_name: str, name: str, detail: Mapping[str, Any]) -> bool:
    """Make this endpoint the active one of its role. False when it was already exactly that."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http address")
    wanted = {"base_url": url.rstrip("/").removesuffix("/v1"), "model_name": model_name, "name": name}
    wanted_detail = dict(detail)
    current = ModelEndpoint.objects.select_for_update().filter(role=role, active=True).first()
    if current and current.detail == wanted_detail and all(getattr(current, k) == v for k, v in wanted.items()):
        return False
    ModelEndpoint.objects.update_or_create(role=role, active=True, defaults={**wanted, "detail": wanted_detail})
    audit.record(
        action="model.set", actor_id=None, object_type="model", object_id=role, detail={"name": name, "url": url}
    )
    return True


@transaction.atomic
def clear_model(*, role: Role) -> bool:
    """Leave the role empty. False when it was."""
    deleted, _ = ModelEndpoint.objects.filter(role=role, active=True).delete()
    if deleted:
        audit.record(action="model.clear", actor_id=None, object_type="model", object_id=role)
    return bool(deleted)


def _info(row: ModelEndpoint) -> ModelInfo:
    limit = row.detail.get("max_context_tokens")
    return ModelInfo(
        role=cast(Role, row.role),
        name=row.name,
        base_url=row.base_url,
        model_name=row.model_name,
        max_context_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        detail=row.detail,
    )
