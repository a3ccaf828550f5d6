"""Keys below ``model`` that are groups of their own: how the engine runs, whichever model it has."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from appliance.settings.section import Location, Section

# Each one's layers take memory beside the model's, and the engine batches over all of them.
Adapters = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], Location], Field(max_length=16)
]


class Speculative(Section):
    """Guesses of the next words, which the model checks in one step instead of writing each by itself."""

    method: Literal["off", "ngram", "draft_model"] = "off"
    tokens: Annotated[int, Field(ge=1, le=16)] = 4
    draft: Location | None = None

    @model_validator(mode="after")
    def _a_draft_model_is_named(self) -> Self:
        if self.method != "off" and (self.method == "draft_model") != (self.draft is not None):
            raise ValueError(
                "model.speculative: method draft_model and draft, the directory of the smaller model, go together."
            )
        return self
