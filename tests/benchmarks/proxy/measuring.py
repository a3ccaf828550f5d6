"""Ask one way in and take the time. Each request has a connection of its own, as the application's have."""

import http.client
import json
import ssl
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

SHORT, LONG = "bench-short", "bench-long"
LONG_TOKENS = 500
RULES = {
    "rules": [
        {"marker": SHORT, "text": "Yes.", "token_delay_seconds": 0},
        {"marker": LONG, "text": "word ", "repeat": LONG_TOKENS, "token_delay_seconds": 0},
    ]
}


@dataclass(frozen=True)
class Way:
    """A way to the engine: directly, or through something."""

    name: str
    url: str
    tls: ssl.SSLContext | None = None

    def ask(self, marker: str, *, stream: bool) -> tuple[float, float]:
        """Milliseconds to the first byte of the answer's body, and to its end."""
        body = {
            "model": "scripted-test-engine",
            "messages": [{"role": "user", "content": f"<<{marker}>>"}],
            "stream": stream,
        }
        address = urlsplit(self.url)
        assert address.hostname
        started = time.perf_counter()
        if self.tls is None:
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        else:
            connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=30, context=self.tls)
        try:
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(body), headers={"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            first = answer.read1(1)
            first_at = time.perf_counter()
            rest = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (answer.status, rest)
        assert first
        return (first_at - started) * 1000, (time.perf_counter() - started) * 1000


def measure_short(way: Way, times: int) -> float:
    """Median milliseconds of a short whole answer, one at a time."""
    return statistics.median(way.ask(SHORT, stream=False)[1] for _ in range(times))


def measure_first(way: Way, times: int) -> float:
    """Median milliseconds to the first byte of a stream."""
    return statistics.median(way.ask(LONG, stream=True)[0] for _ in range(times))


def measure_stream(way: Way, times: int) -> float:
    """Median milliseconds of a stream of :data:`LONG_TOKENS` events that the engine writes as fast as it can."""
    return statistics.median(way.ask(LONG, stream=True)[1] for _ in range(times))


def measure_many(way: Way, clients: int, times: int) -> float:
    """Milliseconds for each of ``clients`` x ``times`` short answers that are asked for at once."""

    def work() -> None:
        for _ in range(times):
            way.ask(SHORT, stream=False)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - started) * 1000 / (clients * times)


MEASURES: dict[str, Callable[[Way], float]] = {
    "short answer": lambda way: measure_short(way, 60),
    "first byte of a stream": lambda way: measure_first(way, 10),
    f"stream of {LONG_TOKENS} events": lambda way: measure_stream(way, 10),
    "short answer, 16 clients": lambda way: measure_many(way, 16, 8),
}


def compare(ways: list[Way], rounds: int) -> dict[str, dict[str, float]]:
    """Measure to way to median milliseconds over the rounds, in each of which all ways take turns."""
    for way in ways:
        measure_short(way, 20)
    found = {measure: {way.name: [] for way in ways} for measure in MEASURES}  # type: dict[str, dict[str, list[float]]]
    for number in range(rounds):
        for measure, take in MEASURES.items():
            for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
                found[measure][way.name].append(take(way))
    return {
        measure: {name: statistics.median(values) for name, values in of_way.items()}
        for measure, of_way in found.items()
    }
