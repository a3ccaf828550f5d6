"""A real Celery worker on the tests' database: ``python -m tests.integration.agents.worker_process DATABASE SECONDS``.

The lease lasts so many seconds, fewer than in production: a test need not wait long for a killed worker's to run out.
"""

import sys
from dataclasses import replace


def main(database: str, lease_seconds: float) -> None:
    from webapp.config import boot

    boot.select_settings()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    from webapp.config.celery import app

    app.set_default()
    import django

    django.setup()
    from webapp.agents.runs.kind import KIND
    from webapp.durable import registry

    registry.register(replace(registry.get_kind(KIND), lease_seconds=lease_seconds))
    app.worker_main(
        ["worker", "--pool=threads", "--concurrency=2", "--queues=runs", "--loglevel=INFO", "--without-mingle"]
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
