from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PromptsConfig(AppConfig):
    name = "webapp.prompts"
    label = "prompts"

    def ready(self) -> None:
        from webapp.prompts.services.seeding import seed_after_migrate

        post_migrate.connect(seed_after_migrate, sender=self, dispatch_uid="prompts.seed")
