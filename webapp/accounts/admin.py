"""The records of users and groups, for administrators. There is one kind of administrator: a superuser."""

from typing import Any

from allauth.account import admin as allauth_admin
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from webapp.accounts import services
from webapp.accounts.announcing import announce, announce_members, announce_user_change
from webapp.accounts.forms import GroupForm, NewUserForm, UserRecordForm
from webapp.accounts.models import User

admin.site.unregister(Group)
# Nothing is sent by e-mail. (Importing django-allauth's admin has registered it.)
admin.site.unregister(allauth_admin.EmailAddress)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg] # unfold has no types
    """Users are deactivated, never deleted: what they did stays theirs."""

    list_display = ("user_name", "first_name", "last_name", "is_active", "is_administrator", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    list_fullwidth = True
    filter_horizontal = ()
    form = UserRecordForm
    add_form = NewUserForm
    add_fieldsets = ((None, {"fields": ("username", "first_name", "last_name", "is_superuser", "groups")}),)
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name")}),
        (_("Access"), {"fields": ("is_active", "is_superuser", "groups", "must_change_password")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    change_form_after_template = "accounts/admin_reset_link.html"

    @admin.display(description=_("User name"), ordering="username")
    def user_name(self, user: User) -> str:
        return user.username

    @admin.display(description=_("Administrator"), ordering="is_superuser", boolean=True)
    def is_administrator(self, user: User) -> bool:
        return user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Nobody can lock themselves out."""
        fixed = ("last_login", "date_joined", "must_change_password")
        return (*fixed, "is_active", "is_superuser") if obj is not None and obj.pk == request.user.pk else fixed

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_superuser
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if change:
            announce_user_change(request, obj, form.changed_data, form.initial["username"])
        else:
            announce(request, "user.create", obj, {"username": obj.username, "administrator": obj.is_superuser})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = _group_names(form.instance)
        super().save_related(request, form, formsets, change)
        announce_members(request, "user.groups", form.instance, before, _group_names(form.instance))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, obj, services.reset_password(obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Ask, then set a temporary password and show it in this one response."""
        user = get_object_or_404(User, pk=id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if request.method != "POST":
            return self._render_reset(request, user, None)
        with transaction.atomic():
            password = services.reset_password(user)
            announce(request, "user.password_reset", user)
        self.log_change(request, user, [{"changed": {"fields": [str(_("password, to a temporary one"))]}}])
        return self._show_once(request, user, password)

    def _show_once(self, request: HttpRequest, user: User, password: str) -> HttpResponse:
        response = self._render_reset(request, user, password)
        response["Cache-Control"] = "no-store"
        return response

    def _render_reset(self, request: HttpRequest, user: User, password: str | None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Temporary password for %(name)s") % {"name": user.username},
            "opts": self.opts,
            "original": user,
            "temporary_password": password,
        }
        return TemplateResponse(request, "accounts/admin_reset.html", context)


@admin.register(Group)
class GroupAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Groups decide which collections their members read."""

    form = GroupForm
    list_display = ("name",)
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            announce(request, "group.create", obj, {"name": obj.name})
        elif "name" in form.changed_data:
            announce(request, "group.update", obj, {"old_name": form.initial["name"], "name": obj.name})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = _member_names(form.instance)
        super().save_related(request, form, formsets, change)
        form.instance.user_set.set(form.cleaned_data["members"])
        announce_members(request, "group.members", form.instance, before, _member_names(form.instance))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        announce(request, "group.delete", obj, {"name": obj.name, "members": _member_names(obj)})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        with transaction.atomic():
            for group in queryset:
                announce(request, "group.delete", group, {"name": group.name, "members": _member_names(group)})
            super().delete_queryset(request, queryset)


@admin.register(LogEntry)
class LogEntryAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """What administrators changed on these pages. Read only."""

    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag", "content_type")
    date_hierarchy = "action_time"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _group_names(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


def _member_names(group: Group) -> list[str]:
    return sorted(User.objects.filter(groups=group).values_list("username", flat=True))


# The one log-in page is the throttled one; Django's own pages for it are not reachable (see config/urls.py).
admin.site.site_header = _("Records")
admin.site.site_title = _("Records")
