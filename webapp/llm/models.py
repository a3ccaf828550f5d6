"""Which model answers at which address. Rows are written by ``manage.py endpoint``, never by hand."""

from django.db import models


class ModelEndpoint(models.Model):
    """A model behind an OpenAI-compatible address. At most one is active in each role."""

    class Role(models.TextChoices):
        GENERATE = "generate"
        EMBED = "embed"
        RERANK = "rerank"

    role = models.CharField(max_length=16, choices=Role.choices)
    name = models.CharField(max_length=200, help_text="the name people see")
    base_url = models.CharField(max_length=500, help_text="without /v1")
    model_name = models.CharField(max_length=200, help_text="the name the engine serves it under")
    detail = models.JSONField(default=dict, blank=True)
    active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role"], condition=models.Q(active=True), name="llm_one_active_a_role"),
            models.CheckConstraint(
                condition=models.Q(role__in=["generate", "embed", "rerank"]), name="llm_endpoint_role_known"
            ),
        ]
