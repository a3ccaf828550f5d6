"""Tell of changes to people and groups, in words that last: names go into the detail, because groups go away."""

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import Group
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.accounts.types import people_changed

Detail = Mapping[str, str | bool | list[str]]


def announce(request: HttpRequest | None, action: str, subject: User | Group, detail: Detail | None = None) -> None:
    """Tell that the user of ``request`` (``None``: the operator's command) did ``action`` to ``subject``."""
    people_changed.send(
        sender=type(subject),
        action=action,
        actor_id=request.user.pk if request is not None else None,
        object_type="user" if isinstance(subject, User) else "group",
        object_id=str(subject.pk),
        detail=detail or {},
        ip=request.META.get("REMOTE_ADDR") if request is not None else None,
    )


def announce_user_change(request: HttpRequest, user: User, changed: Iterable[str], old_name: str) -> None:
    """One event for each thing that ``changed`` (names of fields) may mean; groups are told of by themselves."""
    fields = set(changed) - {"groups"}
    if "is_active" in fields:
        announce(request, "user.activate" if user.is_active else "user.deactivate", user)
    if "is_superuser" in fields:
        announce(request, "user.make_administrator" if user.is_superuser else "user.end_administrator", user)
    rest = sorted(fields - {"is_active", "is_superuser"})
    if rest:
        names = {"old_username": old_name, "username": user.username} if "username" in rest else {}
        announce(request, "user.update", user, {"fields": rest, **names})


def announce_members(
    request: HttpRequest, action: str, subject: User | Group, before: Iterable[str], after: Iterable[str]
) -> None:
    """Tell who or what came and went, if anything did."""
    old, new = set(before), set(after)
    if old != new:
        announce(request, action, subject, {"added": sorted(new - old), "removed": sorted(old - new)})
