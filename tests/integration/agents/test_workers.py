"""Real Celery workers: one is killed in the middle of an answer, the next one finishes it. And no connection leaks."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from uuid import UUID

from django.db import connection, connections

from appliance.settings import environment
from tests.integration.agents.conftest import events, types
from tests.integration.agents.executing import wait_until
from webapp.agents import api
from webapp.agents.models import Run
from webapp.agents.runs.runner import run_once
from webapp.durable import api as durable
from webapp.usage.models import Call

LEASE_SECONDS = "1.5"
RUNS = 50
WORKERS = 8


@contextmanager
def worker_process(log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Started by its own group, so that nothing of it stays."""
    database = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-m", "tests.integration.agents.worker_process", database, LEASE_SECONDS]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=environment.REPOSITORY, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_run_of_a_killed_worker_is_finished_by_the_next_one(user_id: int, handbook: UUID, tmp_path: Path) -> None:
    asked = api.create_run(user_id=user_id, question="When is pump seven greased? <<slow>>")
    with worker_process(tmp_path / "first.log") as first:
        wait_until(lambda: any(event.type == "token" for event in events(asked.id)))
        first.kill()
        first.wait()
    assert Run.objects.get(pk=asked.id).status == "running"

    def is_finished() -> bool:
        durable.sweep()
        return Run.objects.get(pk=asked.id).status in Run.FINAL

    with worker_process(tmp_path / "second.log"):
        wait_until(is_finished)

    run = api.get_run(user_id=user_id, run_id=asked.id)
    log = (tmp_path / "second.log").read_text()
    assert (run.status, run.attempt) == ("finished", 2), log
    assert types(asked.id).count("sources") == 1
    restarted = next(event for event in events(asked.id) if event.type == "generation_restarted")
    assert restarted.data == {"attempt": 2, "reason": "the worker stopped"}
    answer = "".join(e.data["text"] for e in events(asked.id) if e.seq > restarted.seq and e.type == "token")
    assert answer == run.answer
    assert run.citations
    calls = Call.objects.filter(run_id=asked.id, kind="generate").order_by("pk")
    assert [(call.attempt, call.status) for call in calls] == [(1, "failed"), (2, "ok")]


def test_many_runs_at_once_leave_no_connection_open(user_id: int, handbook: UUID) -> None:
    asked = [api.create_run(user_id=user_id, question=f"When is pump seven greased, {i}?").id for i in range(RUNS)]
    waiting = iter(asked)

    def work() -> None:
        for run_id in waiting_safely(waiting):
            run_once(run_id)

    threads = [Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert Run.objects.filter(pk__in=asked, status="finished").count() == RUNS
    pool = connections["default"].pool  # type: ignore[attr-defined]  # of Django's PostgreSQL backend
    connection.close()
    wait_until(lambda: pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"])
    assert pool.get_stats()["pool_size"] <= 2 * WORKERS + 8
    assert pool.get_stats().get("requests_errors", 0) == 0


def waiting_safely(ids: Iterator[UUID]) -> Iterator[UUID]:
    """Give each id to one thread."""
    while (run_id := next(ids, None)) is not None:
        yield run_id
