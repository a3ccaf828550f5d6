from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "webapp.knowledge"
    label = "knowledge"
    verbose_name = "Knowledge"

    def ready(self) -> None:
        from webapp.durable import api as durable
        from webapp.knowledge.services import ingestion

        durable.register(
            kind="ingest",
            task_name="knowledge.ingest",
            max_attempts=ingestion.MAX_ATTEMPTS,
            lease_seconds=15,
            queue="ingestion",
            on_dead=ingestion.give_up,
        )
