"""No page is kept by a browser's cache or a proxy: it shows what one person may see, and only for now.

Static files are answered further out (see ``storage``) and keep their own rules; so does a view that sets its own.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin


class PrivatePagesMiddleware(MiddlewareMixin):
    """Forbid keeping a page; and say that one address gives htmx a part of the page and others the whole of it."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        patch_vary_headers(response, ["HX-Request"])
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
