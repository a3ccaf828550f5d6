"""What the usage room takes and hands out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

CallKind = Literal["generate", "embed"]
Outcome = Literal["ok", "failed", "cancelled"]
Grouping = Literal["user", "model", "kind", "status"]


@dataclass(frozen=True)
class Attribution:
    """On whose behalf a model is called. Plain ids: the rooms they belong to are above this one."""

    user_id: int | None
    run_id: UUID | None = None
    attempt: int = 1
    prompt_version_id: int | None = None
    purpose: str = ""


@dataclass(frozen=True)
class Total:
    """The calls of one group. Tokens are the engine's own counts; cost is in the site's currency."""

    key: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
