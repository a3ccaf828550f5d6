"""Where a call goes, where it may go next when that fails, and what its outcome says about the endpoint.

Circuits are state of this process: a process that has just started learns of a dead endpoint by calls of its own, each
of which then goes elsewhere. That costs less than a row that every call would read.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from webapp.llm.choosing import Candidate, choose, choose_anyway
from webapp.llm.circuit import Circuit, State
from webapp.llm.errors import EngineBusy, EngineRefused, LlmError
from webapp.llm.services import loads
from webapp.llm.types import ModelInfo

logger = logging.getLogger(__name__)
TRIES_OF_A_MODEL = 2
NOT_SERVED_HERE = frozenset({401, 403, 404})
Key = tuple[str, str]
_lock = threading.RLock()  # taken before that of the loads
_circuits: dict[Key, Circuit] = {}


class Attempt:
    """One call of one endpoint. Say ``succeeded`` when it answered; an LlmError that leaves the block is a failure."""

    def __init__(self, endpoint: ModelInfo) -> None:
        self._endpoint = endpoint
        self._is_settled = False

    def succeeded(self) -> None:
        self._settle(None)

    def failed(self, error: LlmError) -> None:
        self._settle(error)

    def began_to_answer(self) -> None:
        """Enough to close an open circuit: a long answer must not keep others waiting for what its probe finds."""
        with _lock:
            is_closed = _circuits.get(_key(self._endpoint), Circuit()).open_until is None
        if not is_closed:
            self.succeeded()

    def _settle(self, error: LlmError | None) -> None:
        self._is_settled = True
        now = time.monotonic()
        key = _key(self._endpoint)
        with _lock:
            before = _circuits.get(key, Circuit())
            after = before.succeeded() if error is None else before.failed(now)
            _circuits[key] = after
        _log_change(self._endpoint, before, after, error)

    def release(self) -> None:
        if not self._is_settled:
            with _lock:
                key = _key(self._endpoint)
                _circuits[key] = _circuits.get(key, Circuit()).released()


@contextmanager
def attempting(endpoint: ModelInfo) -> Iterator[Attempt]:
    attempt = Attempt(endpoint)
    key = _key(endpoint)
    with _lock:
        _circuits[key] = _circuits.get(key, Circuit()).begun(time.monotonic())
    try:
        yield attempt
    except LlmError as error:
        if is_endpoints_fault(error) and not isinstance(error, EngineBusy):
            attempt.failed(error)
        else:
            attempt.succeeded()  # it understood the request and refused it, or is well and has its hands full
        raise
    finally:
        attempt.release()


def is_endpoints_fault(error: LlmError) -> bool:
    """Whether another endpoint may do better: it is away or overloaded, or does not serve what it is registered for."""
    return error.retryable or (isinstance(error, EngineRefused) and error.status_code in NOT_SERVED_HERE)


@contextmanager
def taking(endpoints: Sequence[ModelInfo], *, tried: Sequence[ModelInfo], affinity: str) -> Iterator[ModelInfo | None]:
    """Who takes the call, as ``pick`` says, and a call of theirs while the block lasts.

    Each is counted before the next one chooses: calls that come together would all go to the same endpoint.
    """
    _read_loads(endpoints, tried)  # before the lock: others need not wait for what this one waits for
    with ExitStack() as counted:
        with _lock:
            endpoint = _pick(endpoints, tried, affinity)
            if endpoint is not None:
                counted.enter_context(loads.counted(endpoint.base_url))
        yield endpoint


def pick(endpoints: Sequence[ModelInfo], *, tried: Sequence[ModelInfo], affinity: str) -> ModelInfo | None:
    """Who would take the call; after a failure, with what was ``tried``, who takes it next: None when nobody shall.

    The model itself is tried twice at most, each time at another endpoint, then the fallback once. Where there is
    neither a usable endpoint nor a usable fallback, one endpoint of the model is tried all the same.
    """
    _read_loads(endpoints, tried)
    return _pick(endpoints, tried, affinity)


def _read_loads(endpoints: Sequence[ModelInfo], tried: Sequence[ModelInfo]) -> None:
    """Who has no choice asks nobody for them."""
    if len(endpoints) > 1:
        loads.read_loads({each.base_url for each in endpoints if each not in tried})


def _pick(endpoints: Sequence[ModelInfo], tried: Sequence[ModelInfo], affinity: str) -> ModelInfo | None:
    left = [each for each in endpoints if each not in tried]
    own = [each for each in left if not each.is_fallback]
    fallbacks = [each for each in left if each.is_fallback]
    candidates = _list_candidates([*own, *fallbacks], look=len(endpoints) > 1)
    key = affinity or uuid.uuid4().hex
    may_try = {
        "model": sum(not each.is_fallback for each in tried) < TRIES_OF_A_MODEL,
        "fallback": not any(each.is_fallback for each in tried),
    }
    for group, kind in ((own, "model"), (fallbacks, "fallback")):
        found = _choose(group, candidates, key, is_conversation=bool(affinity)) if may_try[kind] else None
        if found is not None:
            return found
    if tried:
        return None
    address = choose_anyway([candidates[_key(each)] for each in own], affinity=key)
    return next((each for each in own if each.base_url == address), None)


def state_of(endpoint: ModelInfo) -> State:
    """Of its circuit, in this process."""
    with _lock:
        return _circuits.get(_key(endpoint), Circuit()).state(time.monotonic())


def forget() -> None:
    """Know nothing, as a process that has just started."""
    with _lock:
        _circuits.clear()
    loads.forget()


def _choose(
    endpoints: Sequence[ModelInfo], candidates: dict[Key, Candidate], affinity: str, *, is_conversation: bool
) -> ModelInfo | None:
    known = [candidates[_key(each)] for each in endpoints]
    address = choose(known, affinity=affinity, is_conversation=is_conversation)
    return next((each for each in endpoints if each.base_url == address), None)


def _list_candidates(endpoints: Sequence[ModelInfo], *, look: bool) -> dict[Key, Candidate]:
    """What is known of each, without waiting."""
    found = loads.list_loads({each.base_url for each in endpoints}) if look else {}
    now = time.monotonic()
    with _lock:
        states = {_key(each): _circuits.get(_key(each), Circuit()).state(now) for each in endpoints}
    candidates = {}
    for each in endpoints:
        load = found.get(each.base_url, loads.Load())
        # Metrics are the generating engine's: of what embeds behind the same proxy they say nothing.
        requests = load.requests if each.role == "generate" else None
        ours = load.open if requests is None else load.newer
        is_ready = load.is_reachable and (load.engine_answers or each.role != "generate")
        candidates[_key(each)] = Candidate(each.base_url, requests, ours, states[_key(each)], is_ready)
    return candidates


def _key(endpoint: ModelInfo) -> Key:
    return (endpoint.base_url, endpoint.model_name)


def _log_change(endpoint: ModelInfo, before: Circuit, after: Circuit, error: LlmError | None) -> None:
    """Once when an endpoint is left out, and once when it is back."""
    if before.open_until is None and after.open_until is not None:
        logger.warning(
            "%s at %s is left out: %d calls failed in a row, the last because %s",
            endpoint.model_name, endpoint.base_url, after.failures, error,
        )  # fmt: skip
    elif before.open_until is not None and after.open_until is None:
        logger.info("%s at %s answers again", endpoint.model_name, endpoint.base_url)
