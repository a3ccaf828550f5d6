from django.apps import AppConfig


class DurableConfig(AppConfig):
    name = "webapp.durable"
    label = "durable"

    def ready(self) -> None:
        from webapp.durable import draining  # noqa: F401 - listens to the worker's shutdown
