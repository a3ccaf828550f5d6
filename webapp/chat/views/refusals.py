"""What a room below refuses becomes a page: not there (404), or not yours to change (403)."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from webapp.agents.errors import NotFound as NoRun
from webapp.knowledge.errors import NotAllowed
from webapp.knowledge.errors import NotFound as NoDocument

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def refusals_as_pages(view: View[P]) -> View[P]:
    @functools.wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (NoRun, NoDocument):
            raise Http404 from None
        except NotAllowed:
            raise PermissionDenied from None

    return answered
