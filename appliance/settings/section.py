"""What every group of keys is made of, and the types that YAML has no words for."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict

# Types are strict, so that neither "8400" nor true is a port; YAML itself knows no paths and no tuples.
Location = Annotated[Path, Strict(False)]
Names = Annotated[tuple[str, ...], Strict(False)]
Mappings = Annotated[tuple[dict[str, Any], ...], Strict(False)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A group of keys: frozen, and closed against keys nobody documented."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
