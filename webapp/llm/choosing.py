"""Which of several endpoints of one model takes a call. Pure: what is known of each goes in, an address comes out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.llm.circuit import State

# Loads this many requests apart are near: a conversation's cached prefix is worth more than so short a queue.
NEAR_REQUESTS = 2.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint as it is known at this moment.

    ``requests``: running and waiting by the engine's own metrics, None where nobody knows. ``ours``: calls of this
    process that those metrics cannot show yet, or all that are open where there are none. ``is_ready`` is False
    when nothing answered at the address when it was last looked at, or its proxy said that the engine does not.
    """

    address: str
    requests: float | None = None
    ours: int = 0
    circuit: State = "closed"
    is_ready: bool = True


def choose(candidates: Sequence[Candidate], *, affinity: str, is_conversation: bool) -> str | None:
    """The address to call, or None when none is usable.

    A half-open endpoint gets the next call, for only a call can show that it is back. Otherwise it is the least loaded
    one; of those that are near, or just as loaded where ``affinity`` is no conversation's, the one that ``affinity``
    falls to. It falls to the same one until that one goes: rendezvous hashing.
    """
    usable = [each for each in candidates if each.circuit != "open" and each.is_ready]
    if not usable:
        return None
    probes = [each for each in usable if each.circuit == "half_open"]
    loads = assume_loads(probes or usable)
    near = NEAR_REQUESTS if is_conversation else 0.0
    least = min(loads.values())
    return max((address for address, load in loads.items() if load <= least + near), key=lambda a: _weight(affinity, a))


def choose_anyway(candidates: Sequence[Candidate], *, affinity: str) -> str | None:
    """The same where none is usable and nobody else can answer: a call that may fail is better than none."""
    ignored = [Candidate(each.address, each.requests, each.ours) for each in candidates]
    return choose(ignored, affinity=affinity, is_conversation=True)


def assume_loads(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Requests by address. What is not known is not idle: it counts as much as the fullest of the others."""
    known = [each.requests + each.ours for each in candidates if each.requests is not None]
    fullest = max(known, default=0.0)
    return {each.address: each.ours + (fullest if each.requests is None else each.requests) for each in candidates}


def _weight(affinity: str, address: str) -> bytes:
    return hashlib.sha256(f"{affinity}\0{address}".encode()).digest()
