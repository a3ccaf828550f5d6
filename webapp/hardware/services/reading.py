"""What was collected, as the console asks for it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F, OuterRef, Subquery

from webapp.hardware.models import Engine, EngineEvent, EngineSample, Gpu, GpuSample, Host
from webapp.hardware.services.newest import SET_BACK, find_newest_engine_sample
from webapp.hardware.statements import READINGS, Kind, read_rollups, read_samples
from webapp.hardware.types import MAIN_ENGINE, EngineInfo, EventInfo, GpuInfo, HostInfo, Point, SeriesKey, Span

MOST_EVENTS = 300
FORGET_MISSING_AFTER = timedelta(days=1)
Series = Mapping[SeriesKey, list[Point]]


def list_hosts() -> list[HostInfo]:
    """Those that readings are pulled from now."""
    return [
        HostInfo(
            id=host.pk,
            name=host.name or host.base_url,
            base_url=host.base_url,
            source=host.source,
            driver_version=host.driver_version,
            problem=host.problem,
            gpu_problem=host.gpu_problem,
            engine_problem=host.engine_problem,
            further_problems=tuple(
                (engine.name, engine.problem)
                for engine in host.engines.all()
                if engine.problem and engine.name != MAIN_ENGINE and engine.last_seen_at == host.taken_at
            ),
            last_attempt_at=host.last_attempt_at,
            last_success_at=host.last_success_at,
            taken_at=host.taken_at,
            received_at=host.received_at,
            clock_difference_seconds=host.clock_difference_seconds,
        )
        for host in Host.objects.filter(active=True).prefetch_related("engines").order_by("name", "base_url")
    ]


def list_gpus() -> list[GpuInfo]:
    """Each GPU of those hosts with its newest sample; one that is not named any more is listed for another day."""
    around = GpuSample.objects.filter(gpu=OuterRef("pk"), taken_at__gte=OuterRef("last_seen_at") - SET_BACK)
    newest = around.order_by("-received_at", "-taken_at").values("taken_at")[:1]
    gpus = (
        Gpu.objects.filter(host__active=True, last_seen_at__gt=F("host__taken_at") - FORGET_MISSING_AFTER)
        .select_related("host")
        .annotate(sample_at=Subquery(newest))
        .order_by("host__name", "host__base_url", "index", "pk")
    )
    found = {(gpu.pk, gpu.sample_at): gpu for gpu in gpus if gpu.sample_at is not None}
    if not found:
        return []
    moments = {moment for _, moment in found}
    samples = GpuSample.objects.filter(
        gpu_id__in={pk for pk, _ in found}, taken_at__gte=min(moments), taken_at__lte=max(moments)
    ).filter(taken_at__in=moments)
    by_key = {(sample.gpu_id, sample.taken_at): sample for sample in samples}
    return [_gpu_info(gpu, by_key[key]) for key, gpu in found.items() if key in by_key]


def _gpu_info(gpu: Gpu, sample: GpuSample) -> GpuInfo:
    return GpuInfo(
        id=gpu.pk,
        host_id=gpu.host_id,
        uuid=gpu.uuid,
        index=gpu.index,
        name=gpu.name,
        taken_at=sample.taken_at,
        present=gpu.last_seen_at == gpu.host.taken_at,
        memory_total_bytes=sample.memory_total_bytes,
        memory_used_bytes=sample.memory_used_bytes,
        utilization_percent=sample.utilization_percent,
        memory_bandwidth_percent=sample.memory_bandwidth_percent,
        power_watts=sample.power_watts,
        power_limit_watts=sample.power_limit_watts,
        temperature_celsius=sample.temperature_celsius,
        slowdown_celsius=sample.slowdown_celsius,
        sm_clock_mhz=sample.sm_clock_mhz,
        sm_clock_max_mhz=sample.sm_clock_max_mhz,
        clock_event_reasons=tuple(sample.clock_event_reasons),
        ecc_enabled=sample.ecc_enabled,
        ecc_corrected=sample.ecc_corrected,
        ecc_uncorrected=sample.ecc_uncorrected,
        xid_counts={int(xid): count for xid, count in sorted(sample.xid_counts.items(), key=lambda each: int(each[0]))},
    )


def list_engines() -> list[EngineInfo]:
    """The newest sample of each engine, the main one of each host first; one that is not named any more is listed for
    another day. Its ``taken_at`` is older than the host's when the engine is silent."""
    found = []
    engines = Engine.objects.filter(host__active=True, last_seen_at__gt=F("host__taken_at") - FORGET_MISSING_AFTER)
    for engine in engines.select_related("host").order_by("host__name", "host__base_url", "pk"):
        sample = find_newest_engine_sample(engine)
        if sample is not None:
            found.append(_engine_info(engine, sample))
    return sorted(found, key=lambda each: (each.host_id, each.name != MAIN_ENGINE))


def _engine_info(engine: Engine, sample: EngineSample) -> EngineInfo:
    return EngineInfo(
        id=engine.pk,
        name=engine.name,
        purpose=engine.purpose,
        host_id=engine.host_id,
        model_name=sample.model_name,
        taken_at=sample.taken_at,
        running=sample.running,
        waiting=sample.waiting,
        waiting_by_reason=sample.waiting_by_reason,
        kv_cache_percent=sample.kv_cache_percent,
        preemptions_per_minute=sample.preemptions_per_minute,
        prompt_tokens_per_second=sample.prompt_tokens_per_second,
        generation_tokens_per_second=sample.generation_tokens_per_second,
        prefix_hit_percent=sample.prefix_hit_percent,
        time_to_first_token_seconds=sample.time_to_first_token_seconds,
        inter_token_latency_seconds=sample.inter_token_latency_seconds,
        queue_time_seconds=sample.queue_time_seconds,
    )


def list_engine_events(host_ids: Iterable[int], span: Span) -> list[EventInfo]:
    events = EngineEvent.objects.filter(host_id__in=list(host_ids), at__gte=span.since, at__lte=span.until)
    return [
        EventInfo(
            host_id=event.host_id,
            engine=event.engine,
            kind=event.kind,
            at=event.at,
            reason=event.reason,
            seconds=event.seconds,
            exit_code=event.exit_code,
            signal=event.signal,
            detail=event.detail,
        )
        for event in events.order_by("-at", "-pk")[:MOST_EVENTS]
    ]


def read_series(kind: Kind, subjects: Iterable[int], span: Span) -> Series:
    """Points in order of time."""
    statement = read_rollups(kind) if span.from_rollups else read_samples(kind)
    values: dict[str, Any] = {
        "step": timedelta(seconds=span.step_seconds),
        # An hour that began before the span belongs to it too.
        "since": span.since - timedelta(hours=1) if span.from_rollups else span.since,
        "until": span.until,
        "subjects": list(subjects),
    }
    series: defaultdict[SeriesKey, list[Point]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for subject, metric, at, minimum, average, maximum in cursor.fetchall():
            if metric != READINGS:
                point = Point(min(max(at, span.since), span.until), float(minimum), float(average), float(maximum))
                series[SeriesKey(subject, metric)].append(point)
    return dict(series)
