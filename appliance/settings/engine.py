"""Keys below ``model`` that are groups of their own: how the engine runs, whichever model it has."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from appliance.settings.section import Address, Location, Port, Section

# Each one's layers take memory beside the model's, and the engine batches over all of them.
Adapters = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], Location], Field(max_length=16)
]


class Nodes(Section):
    """Machines that hold one model together, each with its own ``appliance.yaml``."""

    count: Annotated[int, Field(ge=1, le=16)] = 1
    rank: Annotated[int, Field(ge=0, le=15)] = 0
    head_address: Address | None = None
    address: Address | None = None
    interface: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$")] | None = None
    port: Port = 29501

    @model_validator(mode="after")
    def _each_has_its_place(self) -> Self:
        if self.rank >= self.count:
            raise ValueError(f"rank is {self.rank}; of {self.count} nodes the last is {self.count - 1}.")
        if self.count == 1:
            return self
        if self.head_address is None or self.address is None or self.interface is None:
            raise ValueError("several nodes need head_address, and this machine's own address and interface.")
        if (self.rank == 0) != (ip_address(self.address) == ip_address(self.head_address)):
            raise ValueError("head_address is the address of rank 0, and of no other node.")
        return self


class Speculative(Section):
    """Guesses of the next words, which the model checks in one step instead of writing each by itself."""

    method: Literal["off", "ngram", "draft_model"] = "off"
    tokens: Annotated[int, Field(ge=1, le=16)] = 4
    draft: Location | None = None

    @model_validator(mode="after")
    def _a_draft_model_is_named(self) -> Self:
        if self.method != "off" and (self.method == "draft_model") != (self.draft is not None):
            raise ValueError("method draft_model and draft, the directory of the smaller model, go together.")
        return self
