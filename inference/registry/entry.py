"""What the catalogue says about one model, as frozen values.

A fact that nobody could check is null, and stays null until somebody cites where it is written: a field of a type
with None and without a default has to be written down either way. Fields with a default do not apply to every model.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from appliance.settings.hub_id import refuse_other_than_hub_id
from inference.registry.families import FAMILIES, get_family

Format = Literal["fp32", "bf16", "fp8", "w8a8-int8", "awq-int4", "gptq-int4", "w4a16-int4", "bnb-nf4"]
FOUR_BIT_FORMATS: tuple[Format, ...] = ("awq-int4", "gptq-int4", "w4a16-int4")
UNQUANTIZED_FORMATS: tuple[Format, ...] = ("fp32", "bf16")
Attention = Literal["full", "bidirectional", "sliding", "latent", "hybrid"]

NO_PARSER = "none"

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
HubId = Annotated[str, AfterValidator(refuse_other_than_hub_id)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(gt=0)]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(Closed):
    """Where something is written. ``address`` is null where the index that showed the text names none, and left out
    where the source is part of the installation."""

    title: Text
    address: Annotated[str, StringConstraints(pattern=r"^https://")] | None = None

    @property
    def lacks_address(self) -> bool:
        return self.address is None and "address" in self.model_fields_set


class Statement(Closed):
    """A sentence in our own words, or a number, with the source it rests on."""

    text: Text
    source: Slug


class Licence(Closed):
    """``name`` as its text calls itself; the key in the catalogue is the hub's identifier. ``display``: the words that
    it wants to be shown where a model is used, which the pages do; None where it asks for none."""

    name: Text
    display: Text | None = None
    link: Annotated[str, StringConstraints(pattern=r"^https://")]
    obligations: Annotated[tuple[Statement, ...], Field(min_length=1)]


class Architecture(Closed):
    """The facts of ``config.json`` that sizing needs. ``attention``: full is causal over the whole context, sliding has
    windows in some layers, latent is MLA, hybrid mixes in layers without a key-value cache. ``max_positions`` is the
    configuration's, which may exceed the context that upstream names. An encoder has no output head, and says nothing
    about ``tied_embeddings``. A mixture of experts has ``experts`` in every layer, each ``expert_intermediate_size``
    wide; its ``intermediate_size`` is of a dense layer, which it does not have. ``shared_expert_intermediate_size``: of
    all experts together that work for every token, None where there are none or nobody knows."""

    class_name: Text
    attention: Attention | None
    layers: Count | None
    hidden_size: Count | None
    intermediate_size: Count | None
    experts: Count | None = None
    experts_per_token: Count | None = None
    expert_intermediate_size: Count | None = None
    shared_expert_intermediate_size: Count | None = None
    attention_heads: Count | None
    kv_heads: Count | None
    head_size: Count | None
    vocabulary: Count | None
    tied_embeddings: bool | None = None
    max_positions: Count | None
    sources: Annotated[tuple[Slug, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _output_heads_belong_to_decoders(self) -> Self:
        if ("tied_embeddings" in self.model_fields_set) == (self.attention == "bidirectional"):
            raise ValueError("tied_embeddings is a fact about models with an output head, and only about them")
        return self

    @model_validator(mode="after")
    def _experts_come_with_their_size(self) -> Self:
        facts = {"experts", "experts_per_token", "expert_intermediate_size"} & self.model_fields_set
        if len(facts) not in (0, 3):
            raise ValueError("a mixture of experts has experts, experts_per_token and expert_intermediate_size")
        return self

    @property
    def is_mixture(self) -> bool:
        return "experts" in self.model_fields_set


class Context(Closed):
    """The context upstream names for the model as it is, without stretching it."""

    native_tokens: Count | None
    source: Slug


class Package(Closed):
    """A distribution that brings the weights with it, instead of a hub."""

    name: Text
    version: Text
    wheel_sha256: Sha256
    declared_licence: Text
    provenance: Text


class Parsers(Closed):
    """vLLM's parsers where this model needs others than its family; ``none`` is none at all."""

    tools: Text
    reasoning: Text
    source: Slug


class Serving(Closed):
    """How the appliance serves it: its own decision, not upstream's.

    ``automatic``: picked when nobody names a model, and then with ``context_tokens``; without them the engine takes
    the longest context that fits.
    """

    device: Literal["cpu", "cuda"]
    automatic: bool = False
    context_tokens: Count | None = None


class Variant(Closed):
    """One set of weights. ``revision`` is the commit they were pinned at, null while nobody could look it up;
    ``bytes_on_disk`` counts the weights' files; ``sources`` is empty where no page about these weights was found.
    ``padded``: whether their layers are wider than the architecture says, because their publisher widened them before
    quantising, so that more GPUs can share them; null where nobody could look."""

    hub_id: HubId
    revision: Commit | None
    publisher: Text
    format: Format
    group_size: Count | None = None
    padded: bool | None = False
    bytes_on_disk: Count | None
    sha256: dict[str, Sha256] | None
    serving: Serving
    sources: tuple[Slug, ...]
    package: Package | None = None

    @model_validator(mode="after")
    def _groups_belong_to_four_bits(self) -> Self:
        if ("group_size" in self.model_fields_set) != (self.format in FOUR_BIT_FORMATS):
            raise ValueError(f"group_size is a fact about 4-bit formats, and only about them ({self.hub_id})")
        return self

    @property
    def name(self) -> str:
        return self.hub_id.split("/", 1)[1]


class Entry(Closed):
    """One model with the variants that are served; the first variant is the one its card, where there is one,
    describes."""

    id: Slug
    name: Text
    card: bool = False
    purpose: Literal["generation", "embedding", "reranking"]
    family: Text
    developer: Text
    upstream: HubId
    library: Literal["transformers", "sentence-transformers"]
    pipeline_tag: Literal["text-generation", "sentence-similarity", "feature-extraction", "text-ranking"]
    languages: tuple[Text, ...] | None
    languages_source: Slug
    context: Context
    architecture: Architecture
    parsers: Parsers | None = None
    licence: Text
    licence_source: Slug
    good_at: Annotated[tuple[Statement, ...], Field(min_length=1)]
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _families_are_served_here(self) -> Self:
        known = [family.name for family in FAMILIES]
        if self.purpose == "generation" and self.family not in known:
            raise ValueError(f"the family {self.family!r} is not served here; known: {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _offers_have_a_context(self) -> Self:
        for variant in self.variants:
            serving, is_offer = variant.serving, self.purpose == "generation" and variant.serving.automatic
            if is_offer != (serving.context_tokens is not None):
                raise ValueError(f"{variant.hub_id}: context_tokens goes with automatic: true, and only with it")
        return self

    @property
    def tool_parser(self) -> str | None:
        """vLLM's name of it; None for a model that does not write, or that calls no tools."""
        if self.purpose != "generation":
            return None
        name = self.parsers.tools if self.parsers else get_family(name=self.family).tools.name
        return None if name == NO_PARSER else name

    @property
    def reasoning_parser(self) -> str | None:
        if self.purpose != "generation":
            return None
        if self.parsers:
            return None if self.parsers.reasoning == NO_PARSER else self.parsers.reasoning
        reasoning = get_family(name=self.family).reasoning
        return reasoning.name if reasoning else None

    @property
    def cited(self) -> tuple[str, ...]:
        """Keys of every source this entry rests on, each once, in the order of reading."""
        keys = [self.languages_source, self.context.source, *self.architecture.sources, self.licence_source]
        keys += [self.parsers.source] if self.parsers else []
        keys += [statement.source for statement in self.good_at]
        keys += [key for variant in self.variants for key in variant.sources]
        return tuple(dict.fromkeys(keys))
