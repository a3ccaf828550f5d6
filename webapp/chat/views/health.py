"""Two addresses for supervisors and load balancers: is the process up, and can it serve. They tell nothing else."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from webapp.chat.readiness import is_migrated


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    ready = is_migrated()
    return JsonResponse({"status": "ok" if ready else "not ready"}, status=200 if ready else 503)
