"""What an installed appliance executes, exactly: on hosts and in containers."""

from pathlib import Path

from appliance.programs import Installation, Program, build_installed_programs
from appliance.settings import Settings
from appliance.topology import build_topology
from tests.unit.topology.layouts import hosts, kubernetes

INSTALLATION = Installation(
    Path("/opt/appliance"), Path("/etc/appliance/appliance.yaml"), Path("/opt/appliance/webapp/bin/python")
)
INFERENCE = "/opt/appliance/inference/bin/python"


def build(settings: Settings) -> dict[str, Program]:
    programs = build_installed_programs(
        settings, build_topology(settings), INSTALLATION, inference_python=Path(INFERENCE)
    )
    return {program.name: program for program in programs}


def test_programs_are_in_the_order_of_starting() -> None:
    expected = ["embedder", "engine", "engine-proxy", "egress", "web", "worker", "ingester", "scheduler"]
    assert list(build(hosts())) == expected
    assert list(build(kubernetes())) == expected


def test_model_servers_choose_their_model_when_they_start() -> None:
    programs = build(hosts())
    assert programs["engine"].argv == (INFERENCE, "-P", "-m", "inference.serving.launch", "engine")
    assert dict(programs["engine"].env) == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/var/lib/appliance/cache/home",
        "APPLIANCE_DATA_DIR": "/var/lib/appliance",
        "APPLIANCE_CONFIG": "/etc/appliance/appliance.yaml",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def test_web_believes_the_named_proxy_about_visitors_and_nobody_else() -> None:
    trusted, untrusted = build(hosts())["web"].argv, build(kubernetes())["web"].argv
    position = trusted.index("--forwarded-allow-ips")
    assert trusted[position - 1 : position + 2] == ("--proxy-headers", "--forwarded-allow-ips", "127.0.0.1")
    assert "--no-proxy-headers" in untrusted
    assert "--proxy-headers" not in untrusted


def test_web_listens_where_its_door_is() -> None:
    for settings, bind in ((hosts(), "127.0.0.1"), (kubernetes(), "0.0.0.0")):
        argv = build(settings)["web"].argv
        assert argv[argv.index("--host") + 1] == bind


def test_no_secret_is_in_an_environment_or_a_command_line() -> None:
    for program in build(hosts()).values():
        assert not [name for name in program.env if "PASSWORD" in name or "SECRET" in name or "KEY" in name]
