"""Pull one reading from each host. A host that fails is noted with the reason and keeps nobody else waiting."""

import json
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import DatabaseError
from django.utils import timezone

from inference.metrics.parse import MetricsError, from_json
from inference.metrics.types import HostReading
from webapp.hardware import partitions
from webapp.hardware.errors import HardwareError, UnusableReading
from webapp.hardware.models import Host
from webapp.hardware.services import storing
from webapp.llm import api as llm
from webapp.llm.errors import EngineRefused, LlmError

logger = logging.getLogger(__name__)
AT_ONCE = 8
NOT_FOUND = 404


def collect() -> int:
    """Collect from every proxy that a model is registered behind; returns how many gave a reading."""
    addresses = sorted({model.host_url for model in llm.list_models()})
    partitions.ensure_partitions(timezone.now())
    Host.objects.exclude(base_url__in=addresses).filter(active=True).update(active=False)
    return sum(_note(address, outcome, at) for address, outcome, at in _fetch_all(addresses))


def _fetch_all(addresses: list[str]) -> Iterable[tuple[str, bytes | LlmError, datetime]]:
    """The network's part, side by side; the database is not touched from these threads."""
    if not addresses:
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(addresses)), thread_name_prefix="readings") as threads:
        yield from threads.map(_fetch, addresses)


def _fetch(address: str) -> tuple[str, bytes | LlmError, datetime]:
    try:
        return address, llm.read_hardware(base_url=address), timezone.now()
    except LlmError as error:
        return address, error, timezone.now()


def _note(address: str, outcome: bytes | LlmError, at: datetime) -> bool:
    """Store the reading, or the reason why there is none."""
    try:
        if isinstance(outcome, LlmError):
            raise outcome
        storing.store(address, parse(outcome), at)
    except (LlmError, HardwareError, DatabaseError) as error:
        logger.info("No reading from %s: %s", address, error)
        storing.note_problem(address, _say(error), at)
        return False
    return True


def parse(document: bytes) -> HostReading:
    """Raises UnusableReading."""
    try:
        return from_json(json.loads(document))
    except MetricsError as error:
        raise UnusableReading(f"what it gave is not a reading: {error}") from error
    except (ValueError, RecursionError):
        raise UnusableReading("what it gave is not JSON") from None


def _say(error: Exception) -> str:
    if isinstance(error, EngineRefused) and error.status_code == NOT_FOUND:
        return "it serves no readings: what answers at this address is not engine-proxy"
    if isinstance(error, DatabaseError):
        return f"the database refused its reading ({type(error).__name__})"
    return str(error)
