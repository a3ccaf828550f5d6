"""The browser's content security policy: nothing but our own files, with one exception for the record admin.

The admin's theme evaluates expressions in attributes and sets inline styles. Its pages are for administrators only and
show no text that came out of a document or a model.
"""

from collections.abc import Callable

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

POLICY: dict[str, dict[str, list[str]]] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
ADMIN_PREFIX = "/admin/"
RELAXED_FOR_ADMIN = {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]}


class AdminPolicyMiddleware(MiddlewareMixin):
    """Relax the policy below ``/admin/``; has to stand inside django-csp's own middleware."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(ADMIN_PREFIX):
            response._csp_replace = RELAXED_FOR_ADMIN  # type: ignore[attr-defined] # django-csp's own way in
        return response
