"""Somebody at a browser, as far as HTTP goes: cookies, forms with their tokens, and the stream of an answer."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

FIELD = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken" value="([^"]+)"')
FINAL = {"run_finished", "run_failed", "run_cancelled"}
PATIENCE_SECONDS = 180


class IngressTransport(httpx.HTTPTransport):
    """The ingress controller's part: TLS ends here, and the Pod is told the visitor's address and protocol."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.host, self.port = host, port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        told = {"X-Forwarded-Proto": request.url.scheme, "X-Forwarded-For": "192.0.2.7"}
        inside = httpx.Request(
            request.method, request.url.copy_with(scheme="http", host=self.host, port=self.port),
            headers={**request.headers, **told}, stream=request.stream, extensions=request.extensions,
        )  # fmt: skip
        return super().handle_request(inside)


@dataclass
class Staff:
    """One person's browser."""

    client: httpx.Client

    def submit(self, page: str, action: str, fields: Mapping[str, Any], files: Any = None) -> httpx.Response:
        """Load a page, and send its form with the token that the page gave."""
        loaded = self.client.get(page)
        found = FIELD.search(loaded.raise_for_status().text)
        assert found, f"{page} has no form:\n{loaded.text[:2000]}"
        data = {"csrfmiddlewaretoken": found[1], **fields}
        origin = {"Origin": str(self.client.base_url).rstrip("/"), "Referer": str(loaded.url)}
        answer = self.client.post(action, data=data, files=files, headers=origin)
        assert answer.status_code in (200, 302), f"{action}: {answer.status_code}\n{answer.text[:2000]}"
        return answer

    def log_in(self, name: str, password: str) -> None:
        answer = self.submit("/account/login/", "/account/login/", {"login": name, "password": password})
        assert answer.status_code == 302, answer.text[:2000]

    def change_password(self, old: str, new: str) -> None:
        fields = {"oldpassword": old, "password1": new, "password2": new}
        answer = self.submit("/account/password/change/", "/account/password/change/", fields)
        assert answer.status_code == 302, answer.text[:2000]

    def upload(self, collection: str, filename: str, content: bytes) -> None:
        """Make a collection with one document, and wait until it can be searched."""
        made = self.submit("/collections/", "/collections/new", {"name": collection, "description": ""})
        page = made.headers["Location"]
        self.submit(page, f"{page}documents", {}, files={"files": (filename, content, "text/markdown")})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ready" not in (text := self.client.get(page).text):
            assert time.monotonic() < deadline, text
            time.sleep(1)

    def ask(self, question: str) -> tuple[str, list[dict[str, Any]]]:
        """The run's address and all of its events, from the stream that a page would follow."""
        sent = self.submit("/", "/runs/", {"question": question})
        thread = self.client.get(sent.headers["Location"]).raise_for_status().text
        found = re.search(r'data-run="([0-9a-f-]+)"', thread)
        assert found, thread[:2000]
        run = f"/runs/{found[1]}/"
        return run, list(self._follow(f"{run}events"))

    def _follow(self, address: str) -> Iterator[dict[str, Any]]:
        with self.client.stream("GET", address, timeout=PATIENCE_SECONDS) as stream:
            name = ""
            for line in stream.iter_lines():
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    yield {"type": name, **json.loads(line.removeprefix("data:"))}
                elif not line and name in FINAL:
                    return
