"""Log-ins and log-outs as Django reports them, own passwords as django-allauth does, other changes as accounts does."""

from collections.abc import Mapping
from typing import Any

from allauth.account.signals import password_changed, password_set
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from webapp.accounts.types import people_changed
from webapp.audit import api
from webapp.audit.types import JSON


def _ip(request: HttpRequest | None) -> str | None:
    return request.META.get("REMOTE_ADDR") if request is not None else None


@receiver(user_logged_in, dispatch_uid="audit-login")
def record_login(user: AbstractBaseUser, request: HttpRequest | None = None, **_: Any) -> None:
    api.record(action="user.login", actor_id=user.pk, object_type="user", object_id=str(user.pk), ip=_ip(request))


@receiver(user_logged_out, dispatch_uid="audit-logout")
def record_logout(user: AbstractBaseUser | None, request: HttpRequest | None = None, **_: Any) -> None:
    if user is not None:
        api.record(action="user.logout", actor_id=user.pk, object_type="user", object_id=str(user.pk), ip=_ip(request))


@receiver(user_login_failed, dispatch_uid="audit-login-failed")
def record_failed_login(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Under the name that was tried, and nothing else of what was typed."""
    name = str(credentials.get("username") or credentials.get("email") or "")
    api.record(
        action="user.login_failed", actor_id=None, object_type="user", detail={"username": name}, ip=_ip(request)
    )


@receiver([password_changed, password_set], dispatch_uid="audit-password")
def record_own_password(user: AbstractBaseUser, request: HttpRequest | None = None, **_: Any) -> None:
    """That it was changed, by the user themselves; nothing of either password."""
    api.record(
        action="user.password_change", actor_id=user.pk, object_type="user", object_id=str(user.pk), ip=_ip(request)
    )


@receiver(people_changed, dispatch_uid="audit-people")
def record_change_to_people(
    action: str,
    actor_id: int | None,
    object_type: str,
    object_id: str,
    detail: Mapping[str, JSON],
    ip: str | None,
    **_: Any,
) -> None:
    api.record(action=action, actor_id=actor_id, object_type=object_type, object_id=object_id, detail=detail, ip=ip)
