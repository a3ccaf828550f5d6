from django.apps import AppConfig


class HardwareConfig(AppConfig):
    name = "webapp.hardware"
    label = "hardware"
