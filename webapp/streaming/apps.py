from django.apps import AppConfig


class StreamingConfig(AppConfig):
    name = "webapp.streaming"
    label = "streaming"
