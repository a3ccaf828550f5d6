from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "webapp.agents"
    label = "agents"

    def ready(self) -> None:
        from webapp.agents.runs import kind, outcomes
        from webapp.durable import api as durable

        durable.register(
            kind=kind.KIND,
            task_name=kind.TASK,
            max_attempts=kind.MAX_ATTEMPTS,
            lease_seconds=kind.LEASE_SECONDS,
            queue="runs",
            on_dead=outcomes.give_up,
        )
