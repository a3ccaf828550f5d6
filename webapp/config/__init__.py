"""The Django project's wiring: settings, addresses, ASGI and Celery. Nothing here decides anything about the domain."""
