"""The forms of the user and group records."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectMultipleWidget

from webapp.accounts.models import User


class NewUserForm(forms.ModelForm):  # type: ignore[type-arg] # django-stubs types it, Django cannot subscript it
    """A new user has no password of their own yet: a temporary one is made and shown once."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "is_superuser", "groups")


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
