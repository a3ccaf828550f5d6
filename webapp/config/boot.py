"""Select Django's settings module before anything imports Django's configuration."""

from appliance.settings import environment


def select_settings() -> None:
    environment.set_default("DJANGO_SETTINGS_MODULE", "webapp.config.settings")
