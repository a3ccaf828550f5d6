"""A page instead of the empty answer that Django gives to a method which an address does not know."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils.deprecation import MiddlewareMixin

from webapp.chat.views.errors import method_not_allowed
from webapp.chat.views.requests import is_partial


class WrongMethodMiddleware(MiddlewareMixin):
    """For people who reload or bookmark the address of a form."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not isinstance(response, HttpResponseNotAllowed) or is_partial(request):
            return response
        page = method_not_allowed(request)
        page["Allow"] = response["Allow"]
        return page
