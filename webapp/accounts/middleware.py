"""Someone whose password was chosen by somebody else sees nothing before it is changed."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

ALLOWED = {"account_change_password", "account_logout", "healthz", "readyz"}


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
