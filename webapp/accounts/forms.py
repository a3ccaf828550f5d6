"""The forms of the user and group records."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectMultipleWidget

from webapp.accounts.models import User

LABELS = {"username": _("User name"), "is_superuser": _("Administrator"), "is_active": _("Active")}
HELP_TEXTS = {
    "username": _("Letters, digits and @ . + - _ only. Capital letters make no difference at the log-in."),
    "is_superuser": _("Manages people and groups. Does not make anybody's documents readable."),
    "is_active": _("Switch off instead of deleting: nobody logs in, and what they did stays theirs."),
    "groups": _("They read every collection that is shared with one of these groups."),
}


def refuse_taken_name(username: str, instance: User) -> str:
    """``username``, unless somebody else has it, however spelled. The database refuses it too; this names the field."""
    if User.objects.filter(username__iexact=username).exclude(pk=instance.pk).exists():
        raise ValidationError(_("There is a user with this name already. Capital letters make no difference."))
    return username


class UserRecordForm(UserChangeForm):  # type: ignore[type-arg] # django-stubs types it, Django cannot subscript it
    """An existing user."""

    class Meta(UserChangeForm.Meta):
        model = User
        labels = LABELS
        help_texts = HELP_TEXTS

    def clean_username(self) -> str:
        return refuse_taken_name(self.cleaned_data["username"], self.instance)


class NewUserForm(forms.ModelForm):  # type: ignore[type-arg] # django-stubs types it, Django cannot subscript it
    """A new user has no password of their own yet: a temporary one is made and shown once."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "is_superuser", "groups")
        labels = LABELS
        help_texts = HELP_TEXTS

    def clean_username(self) -> str:
        return refuse_taken_name(self.cleaned_data["username"], self.instance)


class GroupForm(forms.ModelForm):  # type: ignore[type-arg] # django-stubs types it, Django cannot subscript it
    """A group with its members in one place."""

    members = forms.ModelMultipleChoiceField(
        queryset=User.objects.order_by("username"),
        required=False,
        label=_("Members"),
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=_("They read every collection that is shared with this group."),
    )

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["members"].initial = User.objects.filter(groups=self.instance)
