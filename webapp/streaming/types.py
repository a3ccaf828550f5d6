"""What the streaming room hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

FINAL_TYPES = frozenset({"run_finished", "run_failed", "run_cancelled"})


@dataclass(frozen=True)
class Event:
    """One event of a run. ``seq`` counts from 1 without gaps."""

    run_id: UUID
    seq: int
    attempt: int
    type: str
    data: Mapping[str, Any]
    created_at: datetime

    @property
    def is_final(self) -> bool:
        return self.type in FINAL_TYPES
