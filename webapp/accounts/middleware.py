"""Who may go on: nobody before logging in, and nobody whose password somebody else chose before changing it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme

ALLOWED = {"account_change_password", "account_logout", "healthz", "readyz"}


class LogInFirstMiddleware(LoginRequiredMiddleware):
    """Django's own, for pages that are open when the session ends.

    A part of a page cannot be replaced by a log-in form: htmx is told to leave (401 with ``HX-Redirect``), and what was
    typed stays. After the log-in comes a page, never the address that a form was sent to.
    """

    def handle_no_permission(  # type: ignore[override] # htmx is not redirected
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request"):
            query = urlencode({"next": _open_page(request)})
            return HttpResponse(status=401, headers={"HX-Redirect": f"{reverse('account_login')}?{query}"})
        if request.method not in {"GET", "HEAD"}:
            return redirect_to_login("/")
        return super().handle_no_permission(request, view_func)


def _open_page(request: HttpRequest) -> str:
    """The page that htmx says it stands in, if it is one of ours; else the first page."""
    address = request.headers.get("HX-Current-URL", "")
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return "/"
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class MustChangePasswordMiddleware(MiddlewareMixin):
    """Send a user with ``must_change_password`` to the change page, from every address but the way out."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        user = request.user
        if not user.is_authenticated or not user.must_change_password:
            return None
        if request.resolver_match is not None and request.resolver_match.view_name in ALLOWED:
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": "/account/password/change/"})
        return redirect("account_change_password")
