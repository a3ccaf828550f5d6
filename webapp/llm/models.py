"""Which models answer at which addresses. Rows are written by ``manage.py endpoint``, never by hand."""

from django.db import models


class ModelEndpoint(models.Model):
    """A model behind an OpenAI-compatible address.

    A role has one primary endpoint at most; added ones serve the same model. Fallbacks all serve one other model.
    Further ones are models that run, and that nothing asks until somebody chooses them.
    """

    class Role(models.TextChoices):
        GENERATE = "generate"
        EMBED = "embed"
        RERANK = "rerank"

    class Place(models.TextChoices):
        PRIMARY = "primary"
        ADDED = "added"
        FALLBACK = "fallback"
        FURTHER = "further"

    role = models.CharField(max_length=16, choices=Role.choices)
    place = models.CharField(max_length=16, choices=Place.choices, default=Place.PRIMARY, db_default=Place.PRIMARY)
    name = models.CharField(max_length=200, help_text="the name people see")
    base_url = models.CharField(max_length=500, help_text="without /v1")
    model_name = models.CharField(max_length=200, help_text="the name the engine serves it under")
    detail = models.JSONField(default=dict, blank=True)
    active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["role"], condition=models.Q(active=True, place="primary"), name="llm_one_primary_a_role"
            ),
            models.UniqueConstraint(
                fields=["role", "base_url", "model_name"], condition=models.Q(active=True), name="llm_endpoint_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["generate", "embed", "rerank"]), name="llm_endpoint_role_known"
            ),
            models.CheckConstraint(
                condition=models.Q(place__in=["primary", "added", "further"])
                | models.Q(place="fallback", role="generate"),
                name="llm_endpoint_place_known",
            ),
        ]
