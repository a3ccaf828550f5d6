from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "webapp.accounts"
    label = "accounts"
    verbose_name = _("Users")

    def ready(self) -> None:
        from webapp.accounts import signals

        signals.connect()
