"""What is measured: the ways to the engine, and the load. Pure."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(Part):
    """Files in PEM: who signed the server's certificate, and the client's own with its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


class Target(Part):
    """One way to the engine. ``url`` without ``/v1``; ``tls`` where the way asks for a client's certificate."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/[^\s]*[^/\s])?$")]
    tls: Tls | None = None

    @model_validator(mode="after")
    def _certificates_need_https(self) -> Self:
        if self.tls is not None and not self.url.startswith("https://"):
            raise ValueError(f"{self.name}: {self.url} is not encrypted, so a client's certificate has no use there.")
        return self


class Load(Part):
    """``prompts`` requests of ``input_tokens`` random tokens and ``output_tokens`` written ones, at most
    ``concurrency`` at once. The same seed makes the same requests."""

    prompts: Annotated[int, Field(ge=2)] = 32
    concurrency: Annotated[int, Field(ge=1)] = 4
    input_tokens: Annotated[int, Field(ge=8)] = 256
    output_tokens: Annotated[int, Field(ge=2)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Request(Part):
    """``targets`` in the order of the table: the first one is what the others are compared with. ``tokenizer`` is the
    model's directory; what the engine says when left out."""

    schema_version: Literal[1] = 1
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    load: Load = Load()
    rounds: Annotated[int, Field(ge=1, le=50)] = 3
    tokenizer: Path | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [target.name for target in self.targets]
        if len(set(names)) != len(names):
            raise ValueError(f"Two ways have the same name: {', '.join(names)}.")
        return self
