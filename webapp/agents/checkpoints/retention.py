"""Deleting, copying and pruning whole threads of checkpoints."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db import transaction
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol

from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite
from webapp.agents.checkpoints.reading import read_tuples

Row = TypeVar("Row", Checkpoint, CheckpointBlob, CheckpointWrite)
TABLES = (Checkpoint, CheckpointBlob, CheckpointWrite)
STRATEGIES = ("keep_latest", "delete")


@transaction.atomic
def delete_threads(thread_ids: Sequence[str]) -> None:
    for table in TABLES:
        table._default_manager.filter(thread_id__in=list(thread_ids)).delete()


@transaction.atomic
def delete_for_runs(run_ids: Sequence[str], *, serde: SerializerProtocol) -> None:
    """Delete the checkpoints that LangGraph's runs of these ids made, and what is pending on them."""
    doomed = Checkpoint.objects.filter(metadata__run_id__in=list(run_ids))
    threads = _delete_checkpoints(doomed)
    for thread_id in threads:
        _delete_unused_blobs(thread_id, serde)


@transaction.atomic
def copy_thread(source_thread_id: str, target_thread_id: str) -> None:
    """Copy everything, the whole chain of parents included. The copy belongs to no lease."""
    _copy(Checkpoint, source_thread_id, target_thread_id)
    _copy(CheckpointBlob, source_thread_id, target_thread_id)
    _copy(CheckpointWrite, source_thread_id, target_thread_id)


def _copy(table: type[Row], source_thread_id: str, target_thread_id: str) -> None:
    copies = []
    for row in table._default_manager.filter(thread_id=source_thread_id).order_by("pk"):
        row.pk, row.thread_id = None, target_thread_id
        row.lease_kind = row.lease_subject = row.fence = None
        copies.append(row)
    table._default_manager.bulk_create(copies, ignore_conflicts=True)


@transaction.atomic
def prune(thread_ids: Sequence[str], *, strategy: str, serde: SerializerProtocol) -> None:
    """``delete`` everything, or ``keep_latest`` of each namespace, with the ancestors its delta channels start from."""
    if strategy not in STRATEGIES:
        raise ValueError(f"unknown strategy {strategy!r}: use one of {', '.join(STRATEGIES)}")
    if strategy == "delete":
        delete_threads(thread_ids)
        return
    for thread_id in thread_ids:
        rows = Checkpoint.objects.filter(thread_id=thread_id)
        by_namespace: dict[str, list[CheckpointTuple]] = defaultdict(list)
        for found in read_tuples(serde, rows.order_by("-checkpoint_id")):
            by_namespace[found.config["configurable"]["checkpoint_ns"]].append(found)
        for namespace, chain in by_namespace.items():
            _delete_checkpoints(rows.filter(namespace=namespace).exclude(checkpoint_id__in=_needed(chain)))
        _delete_unused_blobs(thread_id, serde)


def _needed(newest_first: Sequence[CheckpointTuple]) -> set[str]:
    """The newest checkpoint, and back from it until each of its delta channels has a stored value to start from."""
    by_id = {found.checkpoint["id"]: found for found in newest_first}
    current = newest_first[0]
    needed = {current.checkpoint["id"]}
    unseeded = set(current.metadata.get("counters_since_delta_snapshot", {})) - set(
        current.checkpoint["channel_values"]
    )
    while unseeded and current.parent_config is not None:
        parent = by_id.get(get_checkpoint_id(current.parent_config) or "")
        if parent is None:
            break
        needed.add(parent.checkpoint["id"])
        unseeded -= set(parent.checkpoint["channel_values"])
        current = parent
    return needed


def _delete_checkpoints(rows: Iterable[Checkpoint]) -> set[str]:
    """Delete these and what is pending on them; returns the threads they were in."""
    threads = set()
    for row in list(rows):
        CheckpointWrite.objects.filter(
            thread_id=row.thread_id, namespace=row.namespace, checkpoint_id=row.checkpoint_id
        ).delete()
        threads.add(row.thread_id)
        row.delete()
    return threads


def _delete_unused_blobs(thread_id: str, serde: SerializerProtocol) -> None:
    used = set()
    for row in Checkpoint.objects.filter(thread_id=thread_id):
        payload = serde.loads_typed((row.payload_type, bytes(row.payload)))
        used |= {(row.namespace, channel, str(version)) for channel, version in payload["channel_versions"].items()}
    blobs = CheckpointBlob.objects.filter(thread_id=thread_id).values_list("pk", "namespace", "channel", "version")
    unused = [pk for pk, *key in blobs if tuple(key) not in used]
    CheckpointBlob.objects.filter(pk__in=unused).delete()
