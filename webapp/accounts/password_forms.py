"""django-allauth's password forms, with labels in the words and the spelling of the other pages."""

from typing import Any

from allauth.account import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LABELS: dict[str, Promise | str] = {
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password, once more"),
}


class _Labelled:
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS[name]
            field.widget.attrs.pop("placeholder", None)  # it would only repeat the label


class ChangePasswordForm(_Labelled, forms.ChangePasswordForm):  # type: ignore[misc] # allauth has no types
    """Change one's own password."""


class SetPasswordForm(_Labelled, forms.SetPasswordForm):  # type: ignore[misc] # allauth has no types
    """Give oneself a password."""
