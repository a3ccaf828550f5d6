"""Turning rows back into LangGraph's checkpoint tuples, three queries however many there are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import QuerySet
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint as CheckpointValue
from langgraph.checkpoint.base import CheckpointTuple, PendingWrite, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite

EMPTY = "empty"


@dataclass(frozen=True)
class Place:
    """Where a checkpoint lives: a thread (one of our runs) and a namespace (a subgraph; empty for the graph itself)."""

    thread_id: str
    namespace: str

    @property
    def fields(self) -> dict[str, str]:
        return {"thread_id": self.thread_id, "namespace": self.namespace}


def place_of(config: RunnableConfig) -> Place:
    configurable = config["configurable"]
    return Place(str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", "")))


def read_tuples(serde: SerializerProtocol, rows: QuerySet[Checkpoint]) -> Sequence[CheckpointTuple]:
    """The checkpoints of ``rows``, in their order, with channel values and pending writes."""
    found = list(rows)
    if not found:
        return []
    places = {Place(row.thread_id, row.namespace) for row in found}
    threads, namespaces = {p.thread_id for p in places}, {p.namespace for p in places}
    payloads = [serde.loads_typed((row.payload_type, bytes(row.payload))) for row in found]
    wanted = {str(version) for payload in payloads for version in payload["channel_versions"].values()}
    blobs = {
        (blob.thread_id, blob.namespace, blob.channel, blob.version): blob
        for blob in CheckpointBlob.objects.filter(
            thread_id__in=threads, namespace__in=namespaces, version__in=wanted
        ).exclude(value_type=EMPTY)
    }
    writes: dict[tuple[str, str, str], list[CheckpointWrite]] = defaultdict(list)
    ids = [row.checkpoint_id for row in found]
    for write in CheckpointWrite.objects.filter(thread_id__in=threads, namespace__in=namespaces, checkpoint_id__in=ids):
        writes[write.thread_id, write.namespace, write.checkpoint_id].append(write)
    return [
        _tuple(serde, row, payload, blobs, writes[row.thread_id, row.namespace, row.checkpoint_id])
        for row, payload in zip(found, payloads, strict=True)
    ]


def _tuple(
    serde: SerializerProtocol,
    row: Checkpoint,
    payload: dict[str, Any],
    blobs: dict[tuple[str, str, str, str], CheckpointBlob],
    writes: list[CheckpointWrite],
) -> CheckpointTuple:
    values = {}
    for channel, version in payload["channel_versions"].items():
        blob = blobs.get((row.thread_id, row.namespace, channel, str(version)))
        if blob is not None:
            values[channel] = _load(serde, blob)
    ordered = sorted(writes, key=lambda write: writes_sort_key(write.task_path, write.task_id, write.idx))
    pending: list[PendingWrite] = [(write.task_id, write.channel, _load(serde, write)) for write in ordered]
    return CheckpointTuple(
        config=_config(row, row.checkpoint_id),
        checkpoint=cast(CheckpointValue, {**payload, "channel_values": values}),
        metadata=row.metadata,
        parent_config=_config(row, row.parent_id) if row.parent_id else None,
        pending_writes=pending,
    )


def _load(serde: SerializerProtocol, row: CheckpointBlob | CheckpointWrite) -> Any:
    return serde.loads_typed((row.value_type, b"" if row.value is None else bytes(row.value)))


def _config(row: Checkpoint, checkpoint_id: str) -> RunnableConfig:
    configurable = {"thread_id": row.thread_id, "checkpoint_ns": row.namespace, "checkpoint_id": checkpoint_id}
    return cast(RunnableConfig, {"configurable": configurable})
