"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """The installation's name, as ``appliance.yaml`` gives it."""
    return {"site_name": settings.SITE_NAME}
