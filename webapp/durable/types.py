"""What the durable room hands out."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class LeaseGrant:
    """Proof of having acquired a lease. ``fence`` grows at every acquisition; ``attempt`` counts from 1."""

    kind: str
    subject_id: UUID
    owner: str
    fence: int
    attempt: int
