"""Pages for what went wrong, each with a reference to quote."""

import logging
import secrets

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

logger = logging.getLogger(__name__)


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    reference = secrets.token_hex(4)
    logger.info("Answered %s %s with %d, reference %s", request.method, request.path, status, reference)
    context = {"error_title": title, "error_text": text, "reference": reference, "status": status}
    return HttpResponse(render_to_string("chat/error.html", context, request=request), status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = _("Something in it is missing or malformed. Go back and try again.")
    return _page(request, 400, _("This request cannot be read"), text)


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, _("This page is not for your account"), _("Ask an administrator if you need it."))


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = _("It may have been deleted, or it belongs to somebody who has not shared it with you.")
    return _page(request, 404, _("There is nothing here that you can see"), text)


@requires_csrf_token
def method_not_allowed(request: HttpRequest) -> HttpResponse:
    text = _("This address only takes what a form sends. Start from a page, and use its buttons.")
    return _page(request, 405, _("There is no page at this address"), text)


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    text = _("Nothing you saved is lost. Try again; if it happens again, give the reference to your administrator.")
    return _page(request, 500, _("The appliance could not do this"), text)


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    text = _("It was open for too long, or you logged in again elsewhere. Go back, reload the page and send it again.")
    return _page(request, 403, _("This form is out of date"), text)
