"""What every group of keys is made of, and the types that YAML has no words for."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from appliance.settings.hub_id import refuse_other_than_hub_id


def _refuse_empty(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("it is empty, which would be the folder of the file. Write a path, or leave the key out.")
    return value


def _refuse_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty. Write a value, or leave the key out.")
    return value


def _refuse_other_than_hub_id(value: str) -> str:
    try:
        return refuse_other_than_hub_id(value)
    except ValueError as error:
        raise ValueError(f"{error} Correct it, or leave the key out.") from None


def _refuse_other_than_address(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is no IPv4 or IPv6 address.") from None
    return value


# Types are strict, so that neither "8400" nor true is a port; YAML itself knows no paths and no tuples.
Location = Annotated[Path, Strict(False), BeforeValidator(_refuse_empty)]
Text = Annotated[str, AfterValidator(_refuse_blank)]
HubId = Annotated[str, AfterValidator(_refuse_other_than_hub_id)]
Address = Annotated[str, AfterValidator(_refuse_other_than_address)]
Names = Annotated[tuple[str, ...], Strict(False)]
Mappings = Annotated[tuple[dict[str, Any], ...], Strict(False)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A group of keys: frozen, and closed against keys nobody documented."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
