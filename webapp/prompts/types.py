"""Prompt versions as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One immutable version of a prompt."""

    id: int
    name: str
    sha256: str
    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The version as people see it, for example ``answer@1a2b3c4d``."""
        return f"{self.name}@{self.sha256[:8]}"
