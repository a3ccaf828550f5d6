"""A LangGraph checkpoint saver on Django's models.

Values are LangGraph's typed serialisation with its strict allow-list: plain data only, never pickle. With a lease
grant, each row carries its fence and the database refuses it when the lease has passed on. LangGraph calls a saver on
threads of its own, so each method gives its connection back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import QuerySet
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.base import Checkpoint as CheckpointValue
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from webapp.agents.checkpoints import retention
from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite
from webapp.agents.checkpoints.reading import Place, place_of, read_tuples
from webapp.agents.connections import released_connection
from webapp.durable import api as durable
from webapp.durable.types import LeaseGrant

P = ParamSpec("P")
T = TypeVar("T")
EMPTY = "empty"


class DjangoSaver(BaseCheckpointSaver[int]):
    """Checkpoints as rows. ``grant``: the lease under which everything is written; None outside of a run."""

    def __init__(self, *, grant: LeaseGrant | None = None) -> None:
        super().__init__(serde=JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None))
        self._grant = grant

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        place = place_of(config)
        rows = Checkpoint.objects.filter(thread_id=place.thread_id, namespace=place.namespace)
        if checkpoint_id := get_checkpoint_id(config):
            rows = rows.filter(checkpoint_id=checkpoint_id)
        with released_connection(), transaction.atomic():
            return next(iter(read_tuples(self.serde, rows.order_by("-checkpoint_id")[:1])), None)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        rows = _matching(config, filter, before).order_by("-checkpoint_id")
        with released_connection(), transaction.atomic():
            found = read_tuples(self.serde, rows if limit is None else rows[: max(limit, 0)])
        yield from found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: CheckpointValue,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = place_of(config)
        values = checkpoint["channel_values"]
        payload_type, payload = self.serde.dumps_typed({**checkpoint, "channel_values": {}})
        blobs = []
        for channel, version in new_versions.items():
            kind, value = self.serde.dumps_typed(values[channel]) if channel in values else (EMPTY, None)
            channel_key = {**place.fields, "channel": channel, "version": str(version)}
            blobs.append(CheckpointBlob(**channel_key, value_type=kind, value=value, **self._lease_fields()))
        key: dict[str, Any] = {**place.fields, "checkpoint_id": checkpoint["id"]}
        fields: dict[str, Any] = {
            "parent_id": get_checkpoint_id(config) or "",
            "payload_type": payload_type,
            "payload": payload,
            "metadata": get_serializable_checkpoint_metadata(config, metadata),
            **self._lease_fields(),
        }
        with self._writing():
            CheckpointBlob.objects.bulk_create(blobs, ignore_conflicts=True)
            Checkpoint.objects.update_or_create(fields, **key)
        return _config(place, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        place = place_of(config)
        key = {**place.fields, "checkpoint_id": config["configurable"]["checkpoint_id"], "task_id": task_id}
        rows = []
        for position, (channel, value) in enumerate(writes):
            kind, data = self.serde.dumps_typed(value)
            rows.append(
                CheckpointWrite(
                    **key,
                    task_path=task_path,
                    idx=WRITES_IDX_MAP.get(channel, position),
                    channel=channel,
                    value_type=kind,
                    value=data,
                    **self._lease_fields(),
                )
            )
        # Special channels are replaced; what an ordinary task wrote first stays.
        special = [row for row in rows if row.channel in WRITES_IDX_MAP]
        ordinary = [row for row in rows if row.channel not in WRITES_IDX_MAP]
        with self._writing():
            CheckpointWrite.objects.bulk_create(ordinary, ignore_conflicts=True)
            CheckpointWrite.objects.bulk_create(
                special,
                update_conflicts=True,
                unique_fields=["thread_id", "namespace", "checkpoint_id", "task_id", "idx"],
                update_fields=["channel", "task_path", "value_type", "value", "lease_kind", "lease_subject", "fence"],
            )

    def delete_thread(self, thread_id: str) -> None:
        with released_connection():
            retention.delete_threads([thread_id])

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        with released_connection():
            retention.delete_for_runs(run_ids, serde=self.serde)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        with released_connection():
            retention.copy_thread(source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        with released_connection():
            retention.prune(thread_ids, strategy=strategy, serde=self.serde)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; a refused fence becomes LeaseLost."""
        with released_connection():
            if self._grant is None:
                with transaction.atomic():
                    yield
            else:
                with durable.fenced_writes(self._grant), transaction.atomic():
                    yield

    def _lease_fields(self) -> dict[str, Any]:
        if self._grant is None:
            return {"lease_kind": None, "lease_subject": None, "fence": None}
        grant = self._grant
        return {"lease_kind": grant.kind, "lease_subject": grant.subject_id, "fence": grant.fence}

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await _in_thread(self.get_tuple)(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        def read() -> Sequence[CheckpointTuple]:
            return [*self.list(config, filter=filter, before=before, limit=limit)]

        for found in await _in_thread(read)():
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: CheckpointValue,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await _in_thread(self.put)(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await _in_thread(self.put_writes)(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await _in_thread(self.delete_thread)(thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await _in_thread(self.delete_for_runs)(run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await _in_thread(self.copy_thread)(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await _in_thread(self.prune)(thread_ids, strategy=strategy)


def _in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A thread of its own: its database connection is not the event loop's, and is given back by the method."""
    return sync_to_async(function, thread_sensitive=False)


def _matching(
    config: RunnableConfig | None, wanted: dict[str, Any] | None, before: RunnableConfig | None
) -> QuerySet[Checkpoint]:
    rows = Checkpoint.objects.all()
    if config is not None:
        rows = rows.filter(thread_id=config["configurable"]["thread_id"])
        if (namespace := config["configurable"].get("checkpoint_ns")) is not None:
            rows = rows.filter(namespace=namespace)
        if checkpoint_id := get_checkpoint_id(config):
            rows = rows.filter(checkpoint_id=checkpoint_id)
    if wanted:
        rows = rows.filter(metadata__contains=wanted)
    if before is not None and (before_id := get_checkpoint_id(before)):
        rows = rows.filter(checkpoint_id__lt=before_id)
    return rows


def _config(place: Place, checkpoint_id: str) -> RunnableConfig:
    configurable = {"thread_id": place.thread_id, "checkpoint_ns": place.namespace, "checkpoint_id": checkpoint_id}
    return cast(RunnableConfig, {"configurable": configurable})
