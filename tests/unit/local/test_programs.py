"""Every component's command line and closed environment, exactly."""

from pathlib import Path
from typing import get_args

from appliance.local.identity import Identity
from appliance.local.programs import build_programs
from appliance.local.release import Release
from appliance.local.supervisor import Supervisor
from appliance.programs import QUEUES, Installation, Program, build_installed_programs, build_webapp_environment
from appliance.settings import Settings
from appliance.topology import build_topology
from inference.serving.command import Command
from inference.serving.launch import build_proxy_command
from webapp.durable import registry

SETTINGS = Settings(data_dir=Path("/data"))
INSTALLATION = Installation(Path("/code"), Path("/etc/appliance.yaml"), Path("/code/.venv/webapp/bin/python"))
RELEASE = Release(webapp="w1", inference="i1", demonstration="d1")
EMBEDDER = Command(("python", "-m", "embedder"), {"HF_HUB_OFFLINE": "1"})
PROXY = Command(("python", "-m", "proxy"), {"HF_HUB_OFFLINE": "1"})
ENGINE = Command(("python", "-m", "engine"), {"VLLM_NO_USAGE_STATS": "1"})


def build(engine: Command | None, launcher: tuple[str, ...] = ()) -> dict[str, Program]:
    programs = build_programs(
        SETTINGS, build_topology(SETTINGS), INSTALLATION, RELEASE, postgres=("postgres", "-D", "/data/postgres"),
        redis=("redis-server", "/data/redis/redis.conf"), embedder=EMBEDDER,
        engines={"engine": engine} if engine else {}, engine_proxy=PROXY, launcher=launcher,
    )  # fmt: skip
    return {program.name: program for program in programs}


def test_programs_are_in_the_order_of_starting() -> None:
    assert list(build(ENGINE)) == [
        "postgres", "redis", "embedder", "engine", "engine-proxy", "web", "worker", "ingester", "scheduler",
    ]  # fmt: skip


def test_model_that_comes_or_goes_changes_no_other_program() -> None:
    without = build(None)
    assert {name: program for name, program in build(ENGINE).items() if name != "engine"} == without


def test_no_engine_without_a_model() -> None:
    assert "engine" not in build(None)


def test_command_lines_are_exactly_these() -> None:
    python = "/code/.venv/webapp/bin/python"
    programs = build(ENGINE)
    assert programs["web"].argv == (
        python, "-m", "uvicorn", "webapp.config.asgi:application", "--host", "127.0.0.1", "--port", "8400",
        "--lifespan", "off", "--no-access-log", "--no-server-header", "--no-proxy-headers",
        "--timeout-graceful-shutdown", "5",
    )  # fmt: skip
    assert programs["worker"].argv == (
        python, "-m", "celery", "-A", "webapp.config.celery:app", "worker", "--pool", "threads", "--concurrency", "8",
        "--queues", "runs,default", "--hostname", "worker@appliance", "--without-mingle", "--without-gossip",
        "--loglevel", "INFO",
    )  # fmt: skip
    assert programs["ingester"].argv == (
        python, "-m", "celery", "-A", "webapp.config.celery:app", "worker", "--pool", "threads", "--concurrency", "2",
        "--queues", "ingestion", "--hostname", "ingester@appliance", "--without-mingle", "--without-gossip",
        "--loglevel", "INFO",
    )  # fmt: skip
    assert programs["scheduler"].argv == (
        python, "-m", "celery", "-A", "webapp.config.celery:app", "beat", "--schedule", "/data/cache/schedule",
        "--pidfile", "", "--loglevel", "INFO",
    )  # fmt: skip
    assert programs["engine"].argv == ("python", "-m", "engine")


def test_every_queue_is_served_once_and_documents_by_nobody_who_answers() -> None:
    served = [queue for queues in QUEUES.values() for queue in queues]
    assert sorted(served) == sorted(get_args(registry.Queue))
    assert "ingestion" not in QUEUES["worker"]


def test_proxy_waits_as_long_as_the_most_patient_engine() -> None:
    further = {"slow": {"path": "/m/s", "port": 8411, "drain_seconds": 300}, "quick": {"path": "/m/q", "port": 8412}}
    settings = Settings.model_validate({"data_dir": "/data", "further_models": further})
    python = Path("/py")
    argv = build_proxy_command(settings, python=python).argv
    assert argv[argv.index("--drain-seconds") + 1] == "300"
    local = build_programs(
        settings, build_topology(settings), INSTALLATION, RELEASE, postgres=(), redis=(), embedder=EMBEDDER,
        engines={"engine": ENGINE}, engine_proxy=PROXY,
    )  # fmt: skip
    installed = build_installed_programs(settings, build_topology(settings), INSTALLATION, inference_python=python)
    for programs in (local, installed):
        stops = {program.name: program.stop_seconds for program in programs}
        assert (stops["engine"], stops["engine-proxy"]) == (45, 305)
    whole = Supervisor(settings, Identity(0, 0, ())).stop_seconds
    assert whole >= 240 + 30 + 300 + 300 + 30  # the main engine, the proxy and both further ones


def test_launcher_goes_before_every_command() -> None:
    assert all(program.argv[:2] == ("env", "--") for program in build(ENGINE, ("env", "--")).values())


def test_every_program_carries_the_mark_of_its_data_directory() -> None:
    assert {program.env["APPLIANCE_DATA_DIR"] for program in build(ENGINE).values()} == {"/data"}


def test_environment_of_the_web_application_is_closed() -> None:
    assert build_webapp_environment(SETTINGS, INSTALLATION) == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/data/cache/home",
        "APPLIANCE_DATA_DIR": "/data",
        "APPLIANCE_CONFIG": "/etc/appliance.yaml",
        "PYTHONPATH": "/code",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": "/data/cache",
        "LANGGRAPH_STRICT_MSGPACK": "true",
    }


def test_changed_code_changes_only_the_programs_that_run_it() -> None:
    programs = build(ENGINE)
    assert {name for name, program in programs.items() if program.env.get("APPLIANCE_RELEASE") == "w1"} == {
        "web", "worker", "ingester", "scheduler",
    }  # fmt: skip
    assert {name for name, program in programs.items() if program.env.get("APPLIANCE_RELEASE") == "i1"} == {
        "embedder", "engine", "engine-proxy",
    }  # fmt: skip


def test_postgres_is_told_to_stop_fast_and_stops_its_own_children() -> None:
    postgres = build(None)["postgres"]
    assert (postgres.stop_signal, postgres.stops_group) == ("INT", False)


def test_keeper_of_the_engine_is_asked_first_and_waited_for() -> None:
    engine = build(ENGINE)["engine"]
    assert (engine.stops_group, engine.stop_seconds, engine.final_code) == (False, 45, 4)


def test_stopping_everything_is_waited_for_as_long_as_it_may_take() -> None:
    patience = Supervisor(SETTINGS, Identity(uid=0, gid=0, prefix=())).stop_seconds
    assert sum(program.stop_seconds for program in build(ENGINE).values()) < patience
