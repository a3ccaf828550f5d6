"""Readings arrive over real HTTP, once each; a host that fails says why and keeps nobody else waiting."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection, connections

from inference.metrics.types import HostReading
from tests.engines.launch import free_port
from tests.hardware.host import ReadingHost, reading_host
from tests.hardware.readings import CALM, ENGINE, HOT, build_reading, grow
from webapp.hardware import api, partitions
from webapp.hardware.models import EngineSample, Gpu, GpuSample, Host
from webapp.hardware.services import storing
from webapp.hardware.tasks import collect_readings
from webapp.llm.services import endpoints

Collect = Callable[[HostReading], int]
pytestmark = pytest.mark.django_db


def test_reading_is_kept_with_all_it_says(collect: Collect, gpu_host: ReadingHost, now: datetime) -> None:
    assert collect(build_reading(now, CALM, HOT)) == 1
    assert gpu_host.requests == 1  # both models are behind one address
    (host,) = api.list_hosts()
    assert (host.name, host.source, host.driver_version, host.problem) == ("gpu-1", "authored", "580.95.05", "")
    assert (host.base_url, host.taken_at) == (gpu_host.url, now)
    calm, hot = api.list_gpus()
    assert (calm.name, calm.utilization_percent, calm.memory_used_bytes) == ("NVIDIA L40S", 63.0, 31 * 2**30)
    assert (hot.power_watts, hot.power_limit_watts, hot.slowdown_celsius) == (349.0, 350.0, 92.0)
    assert hot.clock_event_reasons == ("hw_thermal_slowdown", "sw_power_cap")
    assert (hot.xid_counts, hot.ecc_corrected, hot.present) == ({13: 1, 94: 2}, 3, True)
    (engine,) = api.list_engines()
    assert (engine.kv_cache_percent, engine.waiting_by_reason) == (81.0, {"capacity": 2.0, "deferred": 1.0})
    assert engine.generation_tokens_per_second is None


def test_what_is_not_known_stays_unknown(collect: Collect, now: datetime) -> None:
    bare = replace(CALM, power_watts=None, utilization_percent=None, ecc_enabled=None, ecc_corrected=None)
    collect(build_reading(now, bare, engine=None, engine_problem="the engine does not answer"))
    (gpu,) = api.list_gpus()
    assert (gpu.power_watts, gpu.utilization_percent, gpu.ecc_enabled, gpu.ecc_corrected) == (None, None, None, None)
    assert api.list_engines() == []
    assert api.list_hosts()[0].engine_problem == "the engine does not answer"


def test_card_that_cannot_say_its_memory_is_kept(collect: Collect, now: datetime) -> None:
    """One that shares the machine's memory, or is lost, and was never read before."""
    assert collect(build_reading(now, replace(CALM, memory_total_bytes=None, memory_used_bytes=None))) == 1
    (gpu,) = api.list_gpus()
    assert (gpu.memory_total_bytes, gpu.utilization_percent, api.list_hosts()[0].problem) == (None, 63.0, "")


def test_host_without_a_gpu_gives_its_engine(collect: Collect, now: datetime) -> None:
    collect(build_reading(now, gpu_problem="no NVIDIA driver on this host"))
    assert api.list_gpus() == []
    assert api.list_hosts()[0].gpu_problem == "no NVIDIA driver on this host"
    assert api.list_engines()[0].running == 8.0


def test_tokens_a_second_come_from_two_readings(collect: Collect, now: datetime) -> None:
    collect(build_reading(now - timedelta(seconds=10)))
    collect(build_reading(now, engine=grow(ENGINE, generation=900, prompt=3000, preemptions=2)))
    (engine,) = api.list_engines()
    assert engine.generation_tokens_per_second == 90
    assert engine.prompt_tokens_per_second == 300
    assert engine.preemptions_per_minute == 12


def test_restarted_engine_has_no_rate_rather_than_a_negative_one(collect: Collect, now: datetime) -> None:
    collect(build_reading(now - timedelta(seconds=30)))
    fresh = replace(ENGINE, generation_tokens_total=40.0, prompt_tokens_total=90.0, preemptions_total=0.0)
    collect(build_reading(now - timedelta(seconds=15), engine=fresh))
    assert api.list_engines()[0].generation_tokens_per_second is None
    collect(build_reading(now, engine=grow(fresh, generation=150)))
    assert api.list_engines()[0].generation_tokens_per_second == 10


def test_another_model_has_no_rate_against_the_one_before(collect: Collect, now: datetime) -> None:
    collect(build_reading(now - timedelta(seconds=15)))
    collect(build_reading(now, engine=grow(replace(ENGINE, model_name="another"), generation=900)))
    assert api.list_engines()[0].generation_tokens_per_second is None


def test_another_machine_behind_the_address_has_no_rate_against_the_one_before(collect: Collect, now: datetime) -> None:
    collect(build_reading(now - timedelta(seconds=15)))
    collect(replace(build_reading(now, engine=grow(ENGINE, generation=900)), host="gpu-2"))
    assert api.list_engines()[0].generation_tokens_per_second is None


def test_same_reading_twice_is_kept_once(collect: Collect, now: datetime) -> None:
    reading = build_reading(now, CALM)
    collect(reading)
    received_at = api.list_hosts()[0].received_at
    collect(reading)
    assert (GpuSample.objects.count(), EngineSample.objects.count(), Gpu.objects.count()) == (1, 1, 1)
    # What a wedged proxy hands out again does not get younger.
    assert api.list_hosts()[0].received_at == received_at


def test_clock_that_is_set_back_loses_no_reading(collect: Collect, now: datetime) -> None:
    """What arrives last is the newest, and no rate is made up between two readings in the wrong order."""
    engine = ENGINE
    for seconds in (-30, -15, 0):
        engine = grow(engine, generation=150)
        collect(build_reading(now + timedelta(seconds=seconds), CALM, engine=engine))
    back = now - timedelta(minutes=20)
    engine = grow(engine, generation=150)
    collect(build_reading(back, replace(CALM, utilization_percent=7.0), engine=replace(engine, running=1.0)))
    assert api.list_hosts()[0].taken_at == back
    assert [(gpu.utilization_percent, gpu.present) for gpu in api.list_gpus()] == [(7.0, True)]
    (shown,) = api.list_engines()
    assert (shown.running, shown.generation_tokens_per_second) == (1.0, None)

    collect(build_reading(back + timedelta(seconds=15), CALM, engine=grow(engine, generation=300)))
    assert api.list_engines()[0].generation_tokens_per_second == 20
    assert EngineSample.objects.count() == GpuSample.objects.count() == 5


def test_clock_that_is_set_back_over_readings_that_are_kept_makes_up_no_rate(collect: Collect, now: datetime) -> None:
    """The reading before is the one that arrived before, not the one next to it on the host's clock."""
    for minutes in (5, 0):
        collect(build_reading(now - timedelta(minutes=minutes), engine=ENGINE))
    much = grow(ENGINE, generation=90_000)
    collect(build_reading(now - timedelta(minutes=5) + timedelta(seconds=10), engine=much))
    assert api.list_engines()[0].generation_tokens_per_second is None


def test_reading_that_arrived_earlier_changes_nothing_later(
    gpu_host: ReadingHost, collect: Collect, now: datetime
) -> None:
    """Of two collectors the slower one may bring what the other one's is newer than."""
    collect(build_reading(now, CALM))
    storing.store(gpu_host.url, build_reading(now - timedelta(seconds=5), HOT), now - timedelta(seconds=4))
    assert [gpu.uuid for gpu in api.list_gpus()] == [CALM.uuid]
    assert api.list_hosts()[0].taken_at == now


@pytest.mark.django_db(transaction=True)
def test_two_collectors_at_once_do_not_double(gpu_host: ReadingHost, now: datetime) -> None:
    reading = build_reading(now, CALM, HOT)
    partitions.ensure_partitions(now)
    barrier = threading.Barrier(4)
    failed: list[BaseException] = []

    def store() -> None:
        try:
            barrier.wait(10)
            storing.store(gpu_host.url, reading, now)
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert (Host.objects.count(), Gpu.objects.count(), GpuSample.objects.count()) == (1, 2, 2)
    assert EngineSample.objects.count() == 1


def test_database_refuses_a_second_sample_of_one_moment(collect: Collect, now: datetime) -> None:
    collect(build_reading(now, CALM))
    sample = GpuSample.objects.get()
    assert GpuSample.objects.bulk_create([sample], ignore_conflicts=True)
    assert GpuSample.objects.count() == 1


def test_host_that_fails_does_not_stop_the_others(collect: Collect, gpu_host: ReadingHost, now: datetime) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    endpoints.set_model(role="rerank", url=nowhere, model_name="r", name="r", detail={})
    assert collect(build_reading(now, CALM)) == 1
    problems = {host.base_url: host.problem for host in api.list_hosts()}
    assert problems == {gpu_host.url: "", nowhere: "nothing answers at the model's address"}


def test_failed_attempt_leaves_what_was_read_and_lets_it_get_old(
    collect: Collect, gpu_host: ReadingHost, now: datetime
) -> None:
    collect(build_reading(now, CALM))
    gpu_host.status = 503
    assert api.collect() == 0
    (host,) = api.list_hosts()
    assert host.problem.startswith("the model's server answered 503")
    assert (host.taken_at, len(api.list_gpus())) == (now, 1)
    assert not host.is_stale(now + timedelta(seconds=44))
    assert host.is_stale(now + timedelta(seconds=50))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"<html>", "what it gave is not JSON"),
        (b"[" * 100_000, "what it gave is not JSON"),
        (b"[]", "what it gave is not a reading"),
        (b'{"schema_version": 1, "host": "h"}', "what it gave is not a reading"),
        (b'{"schema_version": 1, "host": "h", "taken_at": "soon"}', "its taken_at is not a moment"),
        (b'{"schema_version": 1, "host": "h", "taken_at": "2026-01-01T00:00:00"}', "its taken_at has no time zone"),
        (b" " * (2**20 + 1), "the reading is longer than any reading can be"),
    ],
)
def test_what_is_not_a_reading_is_refused_with_the_reason(gpu_host: ReadingHost, answer: bytes, sentence: str) -> None:
    gpu_host.answer = answer
    assert api.collect() == 0
    (host,) = api.list_hosts()
    assert host.problem.startswith(sentence)
    assert host.taken_at is None


def test_text_that_the_database_refuses_is_a_problem_of_that_host(collect: Collect, now: datetime) -> None:
    assert collect(build_reading(now, replace(CALM, name="NVIDIA\0L40S"))) == 0
    assert "refused its reading" in api.list_hosts()[0].problem
    assert not GpuSample.objects.exists()


def test_address_that_is_no_engine_proxy_is_named_as_such(gpu_host: ReadingHost) -> None:
    gpu_host.status = 404
    api.collect()
    assert "is not engine-proxy" in api.list_hosts()[0].problem


def test_difference_of_the_clocks_is_kept(collect: Collect, now: datetime) -> None:
    collect(build_reading(now + timedelta(seconds=120), CALM))
    difference = api.list_hosts()[0].clock_difference_seconds
    assert difference is not None
    assert 110 < difference <= 120


@pytest.mark.parametrize(("days", "side"), [(-3, "behind"), (400, "ahead of")])
def test_clock_that_is_days_away_is_refused_in_words(collect: Collect, now: datetime, days: int, side: str) -> None:
    assert collect(build_reading(now + timedelta(days=days), CALM)) == 0
    problem = api.list_hosts()[0].problem
    assert f"hours {side} ours" in problem
    assert "timedatectl" in problem
    assert not GpuSample.objects.exists()


def test_card_that_is_not_named_any_more_is_missing_and_not_live(collect: Collect, now: datetime) -> None:
    collect(build_reading(now - timedelta(seconds=15), CALM, HOT))
    collect(build_reading(now, CALM))
    assert [(gpu.index, gpu.present) for gpu in api.list_gpus()] == [(0, True), (1, False)]


def test_address_that_no_model_is_at_is_not_asked_and_not_shown(
    collect: Collect, gpu_host: ReadingHost, now: datetime
) -> None:
    collect(build_reading(now, CALM))
    for role in ("generate", "embed"):
        endpoints.clear_model(role=role)
    assert api.collect() == 0
    assert gpu_host.requests == 1
    assert (api.list_hosts(), api.list_gpus(), api.list_engines()) == ([], [], [])


def test_nothing_registered_collects_nothing() -> None:
    assert api.collect() == 0
    assert api.list_hosts() == []


def test_task_collects(gpu_host: ReadingHost, now: datetime) -> None:
    gpu_host.say(build_reading(now, CALM))
    collect_readings()
    assert GpuSample.objects.count() == 1


def test_two_hosts_are_two(collect: Collect, now: datetime) -> None:
    with reading_host() as second:
        endpoints.set_model(role="rerank", url=second.url, model_name="r", name="r", detail={})
        second.say(build_reading(now, replace(CALM, uuid="GPU-2"), host="gpu-2"))
        assert collect(build_reading(now, CALM)) == 2
    assert [host.name for host in api.list_hosts()] == ["gpu-1", "gpu-2"]
    assert [gpu.host_id for gpu in api.list_gpus()] == [host.id for host in api.list_hosts()]


def test_rows_lie_in_the_partition_of_their_day(collect: Collect, now: datetime) -> None:
    collect(build_reading(now, CALM))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM hardware_gpusample")
        assert cursor.fetchall() == [(f"hardware_gpusample_{now:%Y%m%d}",)]
