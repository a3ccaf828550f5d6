"""How django-allauth behaves here: accounts are made by an administrator, and nothing is sent by e-mail."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Sign-up is closed; refusals say what to do."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": _("Too many failed attempts. Wait five minutes, then try again."),
        "username_password_mismatch": _("The user name or the password is not right."),
        "invalid_login": _("The user name or the password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("new")

    def clean_password(self, password: str, user: AbstractBaseUser | None = None) -> str:
        """A new password is a new one: else a temporary password, which somebody else has read, could stay."""
        if user is not None and user.check_password(password):
            raise ValidationError(_("This is the present password. Choose another one."))
        return str(super().clean_password(password, user))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failed attempts by the name alone. By itself django-allauth adds the request's host name, which whoever
        guesses passwords may choose anew for each guess."""
        return str(credentials.get("username", "")).lower()

    def send_notification_mail(self, *args: object, **kwargs: object) -> None:
        """Nothing leaves the appliance."""
