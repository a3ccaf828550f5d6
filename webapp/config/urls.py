"""The addresses of every page and API, one include per room."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from webapp.accounts.views import admin_login

# The record admin brings log-in and password pages of its own, which know no throttle: they lead to ours.
_to_logout = RedirectView.as_view(pattern_name="account_logout")
_to_password = RedirectView.as_view(pattern_name="account_change_password")

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/login/", admin_login),
    path("admin/logout/", _to_logout),
    path("admin/password_change/", _to_password),
    path("admin/", admin.site.urls),
    path("account/", include("webapp.accounts.urls")),
    path("console/", include("webapp.console.urls")),
    path("", include("webapp.chat.urls")),
]

handler400 = "webapp.chat.views.errors.bad_request"
handler403 = "webapp.chat.views.errors.forbidden"
handler404 = "webapp.chat.views.errors.not_found"
handler500 = "webapp.chat.views.errors.server_error"
