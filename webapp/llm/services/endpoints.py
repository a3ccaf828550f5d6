"""Which endpoints serve a role: reading them, and the changes that ``manage.py endpoint`` makes, each audited."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from django.db import connection, transaction

from webapp.audit import api as audit
from webapp.llm.errors import NoModel
from webapp.llm.models import ModelEndpoint
from webapp.llm.types import ModelInfo, Place, Role

PLACES = ("primary", "added", "fallback", "further")


class EndpointError(ValueError):
    """The change would leave a role in a state that makes no sense; the message says which, and what to do."""


def find_model(*, role: Role) -> ModelInfo | None:
    row = ModelEndpoint.objects.filter(role=role, active=True, place="primary").first()
    return _info(row) if row else None


def list_endpoints(*, role: Role) -> list[ModelInfo]:
    """All that serve the role, the primary first; name and detail of added ones are the primary's. Raises NoModel.

    Further models are known, and nothing is asked of them."""
    rows = ModelEndpoint.objects.filter(role=role, active=True).exclude(place="further").order_by("pk")
    found = [_info(row) for row in rows]
    primary = next((each for each in found if each.place == "primary"), None)
    if primary is None:
        raise NoModel(role)
    found = [replace(primary, base_url=e.base_url, place="added") if e.place == "added" else e for e in found]
    return sorted(found, key=lambda each: PLACES.index(each.place))


def list_models() -> list[ModelInfo]:
    rows = [_info(row) for row in ModelEndpoint.objects.filter(active=True).order_by("role", "pk")]
    return sorted(rows, key=lambda each: (each.role, PLACES.index(each.place)))


@transaction.atomic
def set_model(*, role: Role, url: str, model_name: str, name: str, detail: Mapping[str, Any]) -> bool:
    """Make this endpoint the primary one of its role. False when it was already exactly that.

    Added endpoints of the same model stay, those of the model before go; the fallback stays while it is another model.
    """
    wanted = _wanted(url, model_name, name, detail)
    rows = lock(role)
    current = next((row for row in rows if row.place == "primary"), None)
    if current and _is_exactly(current, wanted):
        return False
    for row in rows:
        is_of_another_model = row.place == "added" and row.model_name != model_name
        is_now_primary = row.place != "primary" and _address(row) == (wanted["base_url"], model_name)
        if is_of_another_model or is_now_primary or (row.place == "fallback" and row.model_name == model_name):
            row.delete()
    ModelEndpoint.objects.update_or_create(role=role, active=True, place="primary", defaults=wanted)
    record("model.set", role, name=name, url=url)
    return True


@transaction.atomic
def add_endpoint(*, role: Role, url: str, model_name: str) -> bool:
    """Another endpoint of the role's model. False when it was one. Raises EndpointError for another model's."""
    rows = lock(role)
    primary = next((row for row in rows if row.place == "primary"), None)
    if primary is None:
        raise EndpointError(f"{role} has no model yet; name its first endpoint with `endpoint set`")
    if primary.model_name != model_name:
        raise EndpointError(
            f"{role} is served by {primary.model_name!r}, and every endpoint of a role serves the same model; "
            f"another one answers in its place with `endpoint set`, or when it is away with `endpoint fallback`"
        )
    wanted = _wanted(url, model_name, primary.name, {})
    if _address(primary) == (wanted["base_url"], model_name):
        return False
    return _ensure(rows, role, "added", wanted)


@transaction.atomic
def set_fallback(*, url: str, model_name: str, name: str, detail: Mapping[str, Any]) -> bool:
    """An endpoint of the model that answers when the one that generates cannot; endpoints of another fallback go.

    False when it was that. Only generation has one: vectors of two models cannot be compared.
    """
    rows = lock("generate")
    primary = next((row for row in rows if row.place == "primary"), None)
    if primary is None:
        raise EndpointError("generate has no model yet; name it with `endpoint set` before its fallback")
    if primary.model_name == model_name:
        raise EndpointError(f"{model_name!r} is the model itself; another endpoint of it is named with `endpoint add`")
    for row in rows:
        if row.place == "fallback" and row.model_name != model_name:
            row.delete()
    return _ensure(rows, "generate", "fallback", _wanted(url, model_name, name, detail))


@transaction.atomic
def remove_endpoint(*, role: Role, url: str) -> bool:
    """Take an added or a fallback endpoint away, or the primary one when an added one can take its place.

    False when nothing is registered at the address.
    """
    rows = lock(role)
    base_url = base_url_of(url)
    gone = [row for row in rows if row.base_url == base_url]
    if not gone:
        return False
    successor = next((row for row in rows if row.place == "added" and row not in gone), None)
    primary = next((row for row in gone if row.place == "primary"), None)
    if primary is not None and successor is None:
        raise EndpointError(
            f"{url} is the only endpoint of {role}; leave the role without a model with `endpoint clear`"
        )
    for row in gone:
        row.delete()
    if primary is not None and successor is not None:
        successor.place, successor.name, successor.detail = "primary", primary.name, primary.detail
        successor.save()
    record("model.remove_endpoint", role, url=url)
    return True


@transaction.atomic
def clear_model(*, role: Role) -> bool:
    """Leave the role without a model. False when it had none.

    Added endpoints and the fallback stay, and serve nobody until it is set again: updates withdraw it for a while.
    """
    deleted, _ = ModelEndpoint.objects.filter(role=role, active=True, place="primary").delete()
    if deleted:
        record("model.clear", role)
    return bool(deleted)


def lock(role: Role) -> list[ModelEndpoint]:
    """The role's rows; who changes the same role waits, also where there is no row yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"llm_modelendpoint {role}"])
    return list(ModelEndpoint.objects.filter(role=role, active=True).order_by("pk"))


def _ensure(rows: list[ModelEndpoint], role: Role, place: Place, wanted: dict[str, Any]) -> bool:
    current = next((row for row in rows if row.place == place and _address(row) == _address_of(wanted)), None)
    if current and _is_exactly(current, wanted):
        return False
    for row in rows:
        if row.place == "further" and _address(row) == _address_of(wanted):
            row.delete()  # it is asked from now on
    key = {
        "role": role,
        "active": True,
        "place": place,
        "base_url": wanted["base_url"],
        "model_name": wanted["model_name"],
    }
    ModelEndpoint.objects.update_or_create(**key, defaults=wanted)
    record(
        f"model.{'add_endpoint' if place == 'added' else 'fallback'}", role, name=wanted["name"], url=wanted["base_url"]
    )
    return True


def _wanted(url: str, model_name: str, name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"base_url": base_url_of(url), "model_name": model_name, "name": name, "detail": dict(detail)}


def base_url_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http address")
    return url.rstrip("/").removesuffix("/v1")


def _is_exactly(row: ModelEndpoint, wanted: Mapping[str, Any]) -> bool:
    return all(getattr(row, key) == value for key, value in wanted.items())


def _address(row: ModelEndpoint) -> tuple[str, str]:
    return (row.base_url, row.model_name)


def _address_of(wanted: Mapping[str, Any]) -> tuple[str, str]:
    return (wanted["base_url"], wanted["model_name"])


def record(action: str, role: Role, **detail: str) -> None:
    audit.record(action=action, actor_id=None, object_type="model", object_id=role, detail=detail)


def _info(row: ModelEndpoint) -> ModelInfo:
    limit = row.detail.get("max_context_tokens")
    return ModelInfo(
        role=cast(Role, row.role),
        name=row.name,
        base_url=row.base_url,
        model_name=row.model_name,
        max_context_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        detail=row.detail,
        place=cast(Place, row.place),
    )
