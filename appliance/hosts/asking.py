"""Ask an installed appliance a question over HTTPS, as a person's browser would: log in, ask, follow the answer.

``python -m appliance.hosts.asking < request.json`` prints what came, as JSON. Standard library only.
"""

import http.client
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

FINAL = frozenset({"run_finished", "run_failed", "run_cancelled"})
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
EVENTS = re.compile(r'data-events="(/runs/[0-9a-f-]+/events)"')
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class AskingError(Exception):
    """The appliance did not do what a browser expects; the message says at which step and what came instead."""


@dataclass
class Browser:
    """A person at ``https://name``, which is at ``address``. ``authority`` is the file that its certificate is checked
    with; it has to carry the name."""

    address: str
    port: int
    name: str
    authority: str
    timeout_seconds: float = 60
    cookies: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = self._connect()
        sent = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Referer": f"{self.origin}/",
            "Connection": "close",
        }
        body = None if form is None else urlencode(form)
        connection.request(method, path, body, {**sent, **(FORM if form is not None else {}), **headers})
        response = connection.getresponse()
        for line in response.headers.get_all("Set-Cookie") or []:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return response

    @property
    def origin(self) -> str:
        return f"https://{self.name}" + ("" if self.port == 443 else f":{self.port}")

    def _connect(self) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=self.authority)
        plain = socket.create_connection((self.address, self.port), timeout=self.timeout_seconds)
        connection = http.client.HTTPConnection(self.name, self.port, timeout=self.timeout_seconds)
        connection.sock = context.wrap_socket(plain, server_hostname=self.name)
        connection.default_port = 443  # Host carries the port only where it is another
        return connection

    def log_in(self, username: str, password: str) -> None:
        page = self.request("GET", "/account/login/").read().decode()
        form = {"login": username, "password": password, "csrfmiddlewaretoken": _find(TOKEN, page, "the log-in page")}
        response = self.request("POST", "/account/login/", form)
        response.read()
        if response.status != 302:
            raise AskingError(f"Logging in as {username} was answered with {response.status}.")

    def ask(self, question: str) -> str:
        """The path of the answer's events."""
        page = self.request("GET", "/").read().decode()
        form = {"question": question, "csrfmiddlewaretoken": _find(TOKEN, page, "the page")}
        return _find(
            EVENTS, self.request("POST", "/runs/", form, **{"HX-Request": "true"}).read().decode(), "the new run"
        )

    def follow(self, events: str, *, seconds: float = 300) -> Iterator[dict[str, Any]]:
        """Each event with its type and data; ends with the final one. A stream that breaks is taken up again."""
        last, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                for event in _read_events(self.request("GET", f"{events}?after={last}")):
                    last = event["id"]
                    yield event
                    if event["type"] in FINAL:
                        return
            except (TimeoutError, ConnectionError, http.client.HTTPException):
                continue
        raise AskingError(f"No answer after {seconds:.0f} seconds; the last event was number {last}.")


def _read_events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    with response:
        if response.status != 200:
            raise AskingError(f"The stream of events was answered with {response.status}.")
        yield from _parse_events(response)


def _parse_events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if line.startswith(":"):
            continue
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield {"id": int(fields.get("id", 0)), "type": fields.get("event", ""), "data": json.loads(fields["data"])}
            fields = {}


def _find(pattern: re.Pattern[str], page: str, where: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise AskingError(f"{where} holds no {pattern.pattern!r}: {page[:200]!r}")
    return found[1]


def summarize(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What an audit wants to know of an answer."""
    answer: dict[str, Any] = next((event["data"] for event in events if event["type"] == "answer"), {})
    cited: list[Any] = next(
        (event["data"].get("citations", []) for event in events if event["type"] == "citations"), []
    )
    return {
        "final": events[-1]["type"] if events else "",
        "text": answer.get("text", ""),
        "model": answer.get("model", ""),
        "citations": len(cited),
        "types": list(dict.fromkeys(event["type"] for event in events)),
    }


def main() -> int:
    request = json.load(sys.stdin)
    browser = Browser(request["address"], request["port"], request["name"], request["authority"])
    try:
        browser.log_in(request["username"], request["password"])
        events = list(browser.follow(browser.ask(request["question"])))
    except (AskingError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(summarize(events)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
