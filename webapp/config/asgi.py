"""The ASGI entry point: ``uvicorn webapp.config.asgi:application``."""

from webapp.config import boot

boot.select_settings()

from django.core.asgi import get_asgi_application  # noqa: E402 - Django must see its settings first

application = get_asgi_application()
