"""Readings from and to JSON, and vLLM's metrics to a reading. Standard library only: the web application uses it too.

The other side may be of another release, or not be what we think it is: everything is checked, and bounded.
"""

import dataclasses
import math
import re
import types
import typing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from inference.metrics.types import SCHEMA_VERSION, SOURCES, EngineEvent, EngineReading, HostReading

MAX_TEXT = 2000
MAX_ITEMS = 512
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"[ \t]*,?[ \t]*')
ESCAPED = re.compile(r"\\(.)")

Labels = Mapping[str, str]


class MetricsError(Exception):
    """What was received is not a reading."""


class UnknownSchemaError(MetricsError):
    """The reading is of a schema version that this release does not know: upgrade both sides to the same release."""

    def __init__(self, version: object) -> None:
        super().__init__(
            f"The reading is of schema version {str(version)[:20]!r}; this release knows {SCHEMA_VERSION}."
        )


class MalformedReadingError(MetricsError):
    """A field has the wrong type, or is missing; the message names it."""


class ForeignMetricsError(MetricsError):
    """These are not vLLM's metrics."""


def to_json(reading: HostReading) -> dict[str, Any]:
    """As ``GET /hardware`` sends it."""
    return dataclasses.asdict(reading)


def from_json(document: object) -> HostReading:
    """What ``json.loads`` made of ``GET /hardware``. Fields that this release does not know are passed over.

    Raises :class:`MetricsError`.
    """
    if not isinstance(document, dict):
        raise MalformedReadingError("The reading is not a JSON object.")
    if type(document.get("schema_version")) is not int or document["schema_version"] != SCHEMA_VERSION:
        raise UnknownSchemaError(document.get("schema_version"))
    reading: HostReading = _decode(HostReading, document, "")
    if reading.source not in SOURCES:
        raise MalformedReadingError(f"source is none of {', '.join(sorted(SOURCES))}.")
    return reading


def event_from_json(document: object) -> EngineEvent:
    """One event alone, as it is written to a file. Raises :class:`MetricsError`."""
    event: EngineEvent = _decode(EngineEvent, document, "")
    return event


def _decode(kind: Any, value: object, place: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_record(kind, value, place)
    if origin in (types.UnionType, typing.Union):
        inner = next(each for each in arguments if each is not type(None))
        return None if value is None else _decode(inner, value, place)
    if origin is tuple:
        return _decode_tuple(arguments, value, place)
    if origin is dict:
        _require(isinstance(value, dict), place, "an object")
        assert isinstance(value, dict)
        _require(len(value) <= MAX_ITEMS, place, f"at most {MAX_ITEMS} entries")
        return {_decode(str, key, place): _decode(arguments[1], each, f"{place}.{key}") for key, each in value.items()}
    return _decode_plain(kind, value, place)


def _decode_record(kind: type, value: object, place: str) -> Any:
    _require(isinstance(value, dict), place, "an object")
    assert isinstance(value, dict)
    hints, found = typing.get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        inside = f"{place}.{field.name}".lstrip(".")
        if field.name in value:
            found[field.name] = _decode(hints[field.name], value[field.name], inside)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise MalformedReadingError(f"{inside} is missing.")
    return kind(**found)


def _decode_tuple(arguments: tuple[Any, ...], value: object, place: str) -> tuple[Any, ...]:
    _require(isinstance(value, list), place, "a list")
    assert isinstance(value, list)
    if arguments[-1] is Ellipsis:
        _require(len(value) <= MAX_ITEMS, place, f"at most {MAX_ITEMS} entries")
        return tuple(_decode(arguments[0], each, f"{place}[{number}]") for number, each in enumerate(value))
    _require(len(value) == len(arguments), place, f"{len(arguments)} values")
    return tuple(_decode(kind, each, place) for kind, each in zip(arguments, value, strict=True))


def _decode_plain(kind: Any, value: object, place: str) -> Any:
    if kind is str:
        _require(isinstance(value, str) and len(value) <= MAX_TEXT, place, f"a text of at most {MAX_TEXT} characters")
        return value
    if kind is bool:
        _require(isinstance(value, bool), place, "true or false")
        return value
    if kind is int:
        _require(isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63, place, "a whole number")
        return value
    assert kind is float, kind
    _require(isinstance(value, int | float) and not isinstance(value, bool), place, "a number")
    assert isinstance(value, int | float)
    _require(abs(value) < 2**63 and math.isfinite(value), place, "a finite number")
    return float(value)


def _require(holds: bool, place: str, wanted: str) -> None:
    if not holds:
        raise MalformedReadingError(f"{place or 'The reading'} is not {wanted}.")


# The metrics of vLLM that a reading is made of.
RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
WAITING_BY_REASON = "vllm:num_requests_waiting_by_reason"
KV_CACHE_USAGE = "vllm:kv_cache_usage_perc"
COUNTERS = {
    "preemptions_total": "vllm:num_preemptions_total",
    "prompt_tokens_total": "vllm:prompt_tokens_total",
    "generation_tokens_total": "vllm:generation_tokens_total",
    "prefix_cache_queries_total": "vllm:prefix_cache_queries_total",
    "prefix_cache_hits_total": "vllm:prefix_cache_hits_total",
}
HISTOGRAMS = {
    "time_to_first_token": "vllm:time_to_first_token_seconds",
    "inter_token_latency": "vllm:inter_token_latency_seconds",
    "queue_time": "vllm:request_queue_time_seconds",
}


def list_metric_names() -> tuple[str, ...]:
    """Every sample that a reading is made of, as vLLM names it."""
    histograms = (f"{name}_{part}" for name in HISTOGRAMS.values() for part in ("sum", "count"))
    return (RUNNING, WAITING, WAITING_BY_REASON, KV_CACHE_USAGE, *COUNTERS.values(), *histograms)


def parse_engine_metrics(text: str) -> EngineReading:
    """vLLM's ``/metrics``. An engine of several data-parallel ranks counts as one: sums, and the fullest KV cache.

    Raises :class:`ForeignMetricsError`.
    """
    samples: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    wanted = set(list_metric_names())
    for name, labels, value in iterate_samples(text):
        if name in wanted and math.isfinite(value):
            samples[name].append((labels, value))
    model = next((labels["model_name"] for labels, _ in samples[RUNNING] if "model_name" in labels), None)
    if model is None:
        raise ForeignMetricsError(f"What the engine serves as metrics has no {RUNNING} with a model_name.")

    def total(name: str) -> float | None:
        return sum(value for _, value in samples[name]) if samples[name] else None

    def pair(name: str) -> tuple[float, float] | None:
        seconds, count = total(f"{name}_sum"), total(f"{name}_count")
        return None if seconds is None or count is None else (seconds, count)

    by_reason: dict[str, float] = defaultdict(float)
    for labels, value in samples[WAITING_BY_REASON]:
        by_reason[labels.get("reason", "")] += value
    return EngineReading(
        model_name=model,
        running=total(RUNNING),
        waiting=total(WAITING),
        waiting_by_reason=dict(by_reason),
        kv_cache_usage=max((value for _, value in samples[KV_CACHE_USAGE]), default=None),
        **{field: total(name) for field, name in COUNTERS.items()},  # type: ignore[arg-type]  # these are the counters
        **{field: pair(name) for field, name in HISTOGRAMS.items()},  # type: ignore[arg-type]  # and these the pairs
    )


def iterate_samples(text: str) -> Iterator[tuple[str, Labels, float]]:
    """Samples of Prometheus's text format; what is none, comments among it, is passed over."""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        if match is None:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        yield match[1], _read_labels(match[2] or ""), value


def _read_labels(text: str) -> Labels:
    return {name: ESCAPED.sub(_unescape, value) for name, value in LABEL.findall(text)}


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
