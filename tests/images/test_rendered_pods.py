"""The Pods that the chart renders, running: under what they are confined, and that they answer a question."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.programs.images import USER_ID
from tests.images.appliance import HOST, MODEL, Running
from tests.images.podman import PodmanError
from tests.images.staff import IngressTransport, Staff

pytestmark = pytest.mark.timeout(1500)
NEW_PASSWORD = "another password, chosen at first log-in"  # authored
DOCUMENT = """\
# Stopcocks

The stopcock of the north building is behind the blue door on the ground floor. Turn it clockwise to shut the water off.
"""
REACH_OUT = """
import socket
try:
    socket.create_connection(("192.0.2.1", 443), timeout=3)
except OSError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def browser(running: Running) -> Iterator[httpx.Client]:
    transport = IngressTransport(running.addresses["web"], 8400)
    with httpx.Client(transport=transport, base_url=f"https://{HOST}", timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def staff(running: Running, browser: httpx.Client) -> Staff:
    """The first administrator, with the password that the chart made and a new one after that."""
    staff = Staff(browser)
    staff.log_in("admin", running.admin_password)
    staff.change_password(running.admin_password, NEW_PASSWORD)
    return staff


def read_status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_every_container_of_the_chart_runs(running: Running) -> None:
    expected = {
        f"{pod.name}-{container['name']}"
        for pod in running.pods.values()
        if pod.component != "setup"
        for container in pod.template["spec"]["containers"]
    }
    assert running.cluster.list_containers().keys() == expected


def test_every_process_is_confined_as_the_chart_says(running: Running) -> None:
    for name, pid in running.cluster.list_containers().items():
        status = read_status(pid)
        confined = {key: status[key] for key in ("Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
        user, nothing = "\t".join([str(USER_ID)] * 4), "0" * 16
        assert confined == {
            "Uid": user, "Gid": user, "CapEff": nothing, "CapBnd": nothing, "NoNewPrivs": "1", "Seccomp": "2",
        }, name  # fmt: skip
        with pytest.raises(PodmanError, match="Read-only file system"):
            running.cluster.podman.run("exec", name, "touch", "/opt/written")


def test_no_pod_finds_a_way_out(running: Running) -> None:
    for pod in running.pods.values():
        for container in pod.template["spec"]["containers"]:
            python = container["command"][0]
            if pod.component != "setup" and python.endswith("python"):
                name = f"{pod.name}-{container['name']}"
                said = running.cluster.podman.run("exec", name, python, "-P", "-c", REACH_OUT)
                assert "Network is unreachable" in said, name


def test_model_servers_are_reached_through_their_proxy_only(running: Running) -> None:
    """From another address of the Pods' network the engine is not there, and the proxy wants a certificate."""
    for component, port in (("engine", 8410), ("embedder", 8420)):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((running.addresses[component], port), timeout=5)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"https://{running.addresses[component]}:8443/v1/models", verify=False)  # noqa: S501


def test_pages_ask_for_a_login_and_their_files_come_from_the_image(browser: httpx.Client) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/account/login/")
    page = browser.get("/account/login/")
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert sheets
    for sheet in sheets:
        assert re.search(r"\.[0-9a-f]{12}\.css$", sheet), "a collected file carries its hash"
        assert browser.get(sheet).headers["Cache-Control"].startswith("max-age=315360000")
    assert all("Secure" in cookie for cookie in page.headers.get_list("Set-Cookie"))


def test_question_is_answered_through_the_pods_with_a_citation(staff: Staff, running: Running) -> None:
    staff.upload("Buildings", "stopcocks.md", DOCUMENT.encode())
    run, events = staff.ask("Where is the stopcock of the north building?")
    last = {event["type"]: event for event in events}
    assert "run_finished" in last, events[-3:]
    assert [passage["title"] for passage in last["sources"]["passages"]] == ["Stopcocks"]
    assert last["answer"]["model"] == MODEL
    assert last["answer"]["text"].startswith("Recited by an authored checkpoint")
    assert "".join(event["text"] for event in events if event["type"] == "token") == last["answer"]["text"]
    assert [citation["n"] for citation in last["citations"]["citations"]] == [1]
    source = staff.client.get(f"{run}sources/1/").raise_for_status().text
    assert "behind the blue door" in source


def test_secrets_are_in_no_log(running: Running, staff: Staff) -> None:
    logs = running.cluster.describe()
    assert "uvicorn" in logs.lower()
    assert len(running.secrets) > 5
    assert [value for value in running.secrets if value in logs] == []
