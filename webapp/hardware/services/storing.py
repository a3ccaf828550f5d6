"""Write one reading of one host, once: whoever brings the same reading again changes nothing.

Readings are ordered by when they arrived. The host's own clock says when each was taken, and may be set back.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import connection, transaction

from appliance.topology import READING_ROLLUP_DAYS
from inference.metrics.types import EngineEvent as RecordedEvent
from inference.metrics.types import EngineReading, EngineState, GpuReading, HostReading
from webapp.hardware.errors import ClockTooFar, UnusableReading
from webapp.hardware.models import Engine, EngineEvent, EngineSample, Gpu, GpuSample, Host
from webapp.hardware.rates import Rates, compute_rates, list_counters
from webapp.hardware.services.newest import MAX_CLOCK_DIFFERENCE_SECONDS, find_newest_engine_sample
from webapp.hardware.types import MAIN_ENGINE

STATEMENT_TIMEOUT = "5s"
NAME_LENGTH = 200
COPIED = (
    "memory_total_bytes", "memory_used_bytes", "utilization_percent", "memory_bandwidth_percent", "power_watts",
    "power_limit_watts", "energy_joules", "temperature_celsius", "slowdown_celsius", "sm_clock_mhz", "sm_clock_max_mhz",
    "ecc_enabled", "ecc_corrected", "ecc_uncorrected",
)  # fmt: skip


def store(base_url: str, reading: HostReading, received_at: datetime) -> None:
    """Raises ClockTooFar and UnusableReading, and then keeps nothing of it."""
    taken_at = _moment(reading.taken_at)
    difference = (taken_at - received_at).total_seconds()
    if abs(difference) > MAX_CLOCK_DIFFERENCE_SECONDS:
        raise ClockTooFar(reading.host, difference)
    with transaction.atomic():
        host = _locked(base_url)
        is_new = host.received_at is None or (received_at > host.received_at and taken_at != host.taken_at)
        host.last_attempt_at = host.last_success_at = received_at
        host.problem = ""
        if is_new:
            is_same = host.name == reading.host[:NAME_LENGTH]
            _describe(host, reading, taken_at, received_at)
            _store_gpus(host, reading.gpus, taken_at, received_at)
            _store_events(host, reading.engine_events, received_at)
            for state in list_states(reading):
                _store_state(host, state, taken_at, received_at, is_same=is_same)
        host.save()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnusableReading(f"its taken_at is not a moment: {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise UnusableReading(f"its taken_at has no time zone: {text[:40]!r}")
    return moment


def note_problem(base_url: str, problem: str, at: datetime) -> None:
    """Remember that the attempt failed, and why; what was read before stays as it is, and gets old."""
    with transaction.atomic():
        host = _locked(base_url)
        host.last_attempt_at = at
        host.problem = problem.replace("\0", "")[:1000]
        host.save()


def _locked(base_url: str) -> Host:
    """The host's row, held until the transaction ends: two collectors take turns."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
    Host.objects.get_or_create(base_url=base_url)
    host = Host.objects.select_for_update().get(base_url=base_url)
    host.active = True
    return host


def _describe(host: Host, reading: HostReading, taken_at: datetime, received_at: datetime) -> None:
    host.name = reading.host[:NAME_LENGTH]
    host.source = reading.source[:16]
    host.driver_version = (reading.driver_version or "")[:100]
    host.gpu_problem = reading.gpu_problem[:500]
    host.engine_problem = reading.engine_problem[:500]
    host.taken_at = taken_at
    host.received_at = received_at
    host.clock_difference_seconds = (taken_at - received_at).total_seconds()


def _store_gpus(host: Host, gpus: tuple[GpuReading, ...], taken_at: datetime, received_at: datetime) -> None:
    for reading in gpus:
        gpu, _ = Gpu.objects.update_or_create(
            host=host,
            uuid=reading.uuid[:100],
            defaults={"index": reading.index, "name": reading.name[:200], "last_seen_at": taken_at},
        )
        GpuSample.objects.bulk_create([_build_sample(gpu, reading, taken_at, received_at)], ignore_conflicts=True)


def _build_sample(gpu: Gpu, reading: GpuReading, taken_at: datetime, received_at: datetime) -> GpuSample:
    return GpuSample(
        gpu=gpu,
        taken_at=taken_at,
        received_at=received_at,
        clock_event_reasons=sorted(set(reading.clock_event_reasons)),
        xid_counts={str(xid): count for xid, count in reading.xid_events},
        **{name: getattr(reading, name) for name in COPIED},
    )


def _store_events(host: Host, events: tuple[RecordedEvent, ...], received_at: datetime) -> None:
    """Each reading brings the last ones again: those that are here, or past their retention, are passed over."""
    known = set(
        EngineEvent.objects.filter(host=host, event_id__in=[event.id[:64] for event in events]).values_list(
            "event_id", flat=True
        )
    )
    oldest = received_at - timedelta(days=READING_ROLLUP_DAYS)
    new = [event for event in events if event.id[:64] not in known and _moment(event.at) > oldest]
    EngineEvent.objects.bulk_create([_build_event(host, event) for event in new], ignore_conflicts=True)


def _build_event(host: Host, event: RecordedEvent) -> EngineEvent:
    return EngineEvent(
        host=host,
        event_id=event.id[:64],
        engine=event.engine[:100],
        kind=event.kind[:40],
        at=_moment(event.at),
        reason=event.reason[:40],
        seconds=event.seconds,
        exit_code=event.exit_code,
        signal=event.signal[:20],
        detail=event.detail.replace("\0", "")[:500],
    )


def list_states(reading: HostReading) -> tuple[EngineState, ...]:
    """The engines that it names; a proxy of an earlier release knows the main one alone."""
    if reading.engines or (reading.engine is None and reading.engine_answers is None):
        return reading.engines
    return (EngineState(MAIN_ENGINE, "generation", reading.engine, reading.engine_problem, reading.engine_answers),)


def _store_state(host: Host, state: EngineState, taken_at: datetime, received_at: datetime, *, is_same: bool) -> None:
    engine, _ = Engine.objects.update_or_create(
        host=host,
        name=state.name[:64],
        defaults={"purpose": state.purpose[:16], "problem": state.problem[:500], "last_seen_at": taken_at},
    )
    if state.reading is not None:
        _store_engine(engine, state.reading, taken_at, received_at, is_same=is_same)


def _store_engine(
    of: Engine, engine: EngineReading, taken_at: datetime, received_at: datetime, *, is_same: bool
) -> None:
    """Behind one address of a cluster there may be several machines: totals of one say nothing about another's."""
    counters = list_counters(engine)
    rates = _rates_since_before(of, engine.model_name, counters, taken_at) if is_same else Rates()
    EngineSample.objects.bulk_create(
        [
            EngineSample(
                engine=of,
                taken_at=taken_at,
                received_at=received_at,
                model_name=engine.model_name,
                running=engine.running,
                waiting=engine.waiting,
                waiting_by_reason=engine.waiting_by_reason,
                kv_cache_percent=None if engine.kv_cache_usage is None else 100 * engine.kv_cache_usage,
                counters=counters,
                **asdict(rates),
            )
        ],
        ignore_conflicts=True,
    )


def _rates_since_before(of: Engine, model_name: str, counters: dict[str, float], taken_at: datetime) -> Rates:
    before = find_newest_engine_sample(of)
    if before is None or before.model_name != model_name:
        return Rates()
    return compute_rates(before.counters, before.taken_at, counters, taken_at)
