"""Whether an endpoint is asked: a value that each outcome turns into the next one. It knows no clock and no lock.

Closed, calls go through. After ``OPEN_AFTER`` failures in a row it is open for ``OPEN_SECONDS``; then it is half open:
one call goes through as a probe, and closes it or opens it again.
"""

from dataclasses import dataclass, replace
from typing import Literal

OPEN_AFTER = 3
OPEN_SECONDS = 15.0

State = Literal["closed", "half_open", "open"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """``open_until`` is None while the circuit is closed, else a moment of the caller's monotonic clock."""

    failures: int = 0
    open_until: float | None = None
    is_probing: bool = False

    def state(self, now: float) -> State:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until or self.is_probing else "half_open"

    def begun(self, now: float) -> "Circuit":
        """A call goes out. Through a half-open circuit it is the probe, and others wait for what it finds."""
        return replace(self, is_probing=True) if self.state(now) == "half_open" else self

    def succeeded(self) -> "Circuit":
        return Circuit()

    def failed(self, now: float) -> "Circuit":
        failures = self.failures + 1
        opens = self.open_until is not None or failures >= OPEN_AFTER
        return Circuit(failures, now + OPEN_SECONDS if opens else None)

    def released(self) -> "Circuit":
        """A call ended without saying anything about the endpoint, because its caller stopped it."""
        return replace(self, is_probing=False)
