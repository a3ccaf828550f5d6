"""Prompts are data: a version never changes, a label says which version is in use."""

from django.db import models


class Prompt(models.Model):
    """A purpose for which a text is sent to a model, for example ``answer``."""

    name = models.SlugField(max_length=100, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)


class PromptVersion(models.Model):
    """A text with its parameters, named by what it contains. The database refuses to change or delete one."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="versions")
    sha256 = models.CharField(max_length=64)
    text = models.TextField()
    parameters = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "sha256"], name="prompts_version_once")]


class PromptLabel(models.Model):
    """A name that points at a version, such as ``production``. Moving it is audited."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="labels")
    name = models.SlugField(max_length=50)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="labels")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="prompts_label_once")]
