"""Collections, documents and their passages. The lexical index beside ``Chunk`` belongs to ``webapp.search``.

Ids of collections and documents appear in addresses and are random; nothing else is secret about them.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from pgvector.django import VectorField

EMBEDDING_DIMENSIONS = 384


class Collection(models.Model):
    """A body of documents with one answer to the question who may read it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    # Null for a collection that the appliance looks after itself, or whose owner's account is gone.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    groups = models.ManyToManyField("auth.Group", blank=True, related_name="+")
    everyone = models.BooleanField(default=False)
    # Names a collection that a command maintains, so that it finds it again after a rename.
    system_name = models.SlugField(max_length=100, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="collection_has_a_name")]

    def __str__(self) -> str:
        return self.name


class DeletedSystemCollection(models.Model):
    """A maintained collection that a person deleted: the command does not make it again by itself."""

    system_name = models.SlugField(max_length=100, primary_key=True)
    deleted_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.system_name


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"
    PARSING = "parsing", "Reading"
    EMBEDDING = "embedding", "Indexing"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Document(models.Model):
    """An uploaded file: what it is, and how far its indexing is. Searchable only when ``ready``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(max_length=300)
    filename = models.CharField(max_length=300)
    media_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    progress_done = models.IntegerField(default=0)
    progress_total = models.IntegerField(default=0)
    reason = models.TextField(blank=True, default="")
    page_count = models.IntegerField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Loaded by the command that maintains the collection, which may replace and remove it; never a person's upload.
    maintained = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "sha256"], name="document_once_in_a_collection"),
            # What a chunk's (document, collection) refers to: a chunk cannot stand in another collection.
            models.UniqueConstraint(fields=["id", "collection"], name="document_and_its_collection"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="document_status_is_known"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="document_sha256_is_hex"),
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="document_is_not_empty"),
            models.CheckConstraint(
                condition=Q(progress_done__gte=0, progress_done__lte=F("progress_total")),
                name="document_progress_within_total",
            ),
            models.CheckConstraint(
                condition=Q(status="failed", reason__gt="") | (~Q(status="failed") & Q(reason="")),
                name="document_reason_when_failed",
            ),
        ]
        indexes = [models.Index(fields=["collection", "created_at"], name="document_in_collection")]

    def __str__(self) -> str:
        return self.title


class DocumentFile(models.Model):
    """The bytes as they were uploaded, kept apart so that listing documents does not read them."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.pk)


class DocumentText(models.Model):
    """The canonical extracted text. Every character offset elsewhere counts into ``text``.

    ``blocks``: ``{"schema_version": 1, "blocks": [{"start", "end", "headings", "page", "kind"}]}``.
    """

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="extracted")
    text = models.TextField()
    blocks = models.JSONField()

    def __str__(self) -> str:
        return str(self.pk)


class Chunk(models.Model):
    """A passage: ``DocumentText.text[char_start:char_end] == text``, with its embedding in the same row."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    ordinal = models.IntegerField()
    heading_path = ArrayField(models.TextField(), default=list, blank=True)
    page_start = models.IntegerField(null=True, blank=True)
    page_end = models.IntegerField(null=True, blank=True)
    char_start = models.IntegerField()
    char_end = models.IntegerField()
    text = models.TextField()
    embedding = VectorField(dimensions=EMBEDDING_DIMENSIONS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "ordinal"], name="chunk_ordinal_once"),
            models.CheckConstraint(
                condition=Q(char_start__gte=0, char_end__gt=F("char_start")), name="chunk_span_is_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(page_start__isnull=True, page_end__isnull=True)
                | Q(page_start__gte=1, page_end__gte=F("page_start")),
                name="chunk_pages_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} [{self.ordinal}]"


class Retrieval(models.Model):
    """One search: who, for which run, over what. It holds no text: neither the question nor a passage."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    collection_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)


class RetrievedChunk(models.Model):
    """A passage in a retrieval's ranking, by id only: it may outlive the passage."""

    retrieval = models.ForeignKey(Retrieval, on_delete=models.CASCADE, related_name="chunks")
    rank = models.IntegerField()
    chunk_id = models.BigIntegerField()
    document_id = models.UUIDField()
    score = models.FloatField()
    lexical_rank = models.IntegerField(null=True, blank=True)
    dense_rank = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["retrieval", "rank"], name="retrieved_chunk_rank_once")]

    def __str__(self) -> str:
        return f"{self.retrieval_id} #{self.rank}"
