from django.apps import AppConfig


class DurableConfig(AppConfig):
    name = "webapp.durable"
    label = "durable"
