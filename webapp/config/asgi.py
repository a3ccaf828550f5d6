"""The ASGI entry point: ``uvicorn webapp.config.asgi:application``."""

from webapp.config import boot

boot.select_settings()

from django.conf import settings  # noqa: E402 - Django must see its settings first
from django.core.asgi import get_asgi_application  # noqa: E402

from webapp.config.body_limit import BodyLimit  # noqa: E402

application = BodyLimit(get_asgi_application(), max_upload_bytes=settings.UPLOAD_MAX_BYTES)
