"""The staff interface's addresses."""

from django.urls import URLPattern, path

from webapp.chat.views import collections, documents, health, questions, runs

urlpatterns: list[URLPattern] = [
    path("", questions.new, name="new"),
    path("threads/", questions.threads, name="threads"),
    path("threads/<uuid:thread_id>/", questions.thread, name="thread"),
    path("threads/<uuid:thread_id>/rename", questions.rename, name="thread-rename"),
    path("threads/<uuid:thread_id>/delete", questions.delete, name="thread-delete"),
    path("runs/", runs.create, name="runs"),
    path("runs/<uuid:run_id>/", runs.show, name="run"),
    path("runs/<uuid:run_id>/events", runs.events, name="run-events"),
    path("runs/<uuid:run_id>/stop", runs.stop, name="run-stop"),
    path("runs/<uuid:run_id>/retry", runs.retry, name="run-retry"),
    path("runs/<uuid:run_id>/sources/<int:n>/", runs.source, name="run-source"),
    path("collections/", collections.index, name="collections"),
    path("collections/new", collections.create, name="collection-create"),
    path("collections/<uuid:collection_id>/", collections.show, name="collection"),
    path("collections/<uuid:collection_id>/update", collections.update, name="collection-update"),
    path("collections/<uuid:collection_id>/delete", collections.delete, name="collection-delete"),
    path("collections/<uuid:collection_id>/documents", documents.upload, name="document-upload"),
    path("documents/<uuid:document_id>/", documents.show, name="document"),
    path("documents/<uuid:document_id>/retry", documents.retry, name="document-retry"),
    path("documents/<uuid:document_id>/delete", documents.delete, name="document-delete"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
