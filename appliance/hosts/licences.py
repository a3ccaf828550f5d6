"""Before a model is installed on hosts: whether a named person acknowledged its licence, in the inventory. Pure.

The rule is that of ``bin/appliance models activate``: of this model, in these words. What is in the inventory becomes
the same row of the audit.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from appliance.hosts import gather
from appliance.local.acknowledgements import SCHEMA_VERSION, NameMissingError, build_acknowledgement
from inference.registry.checkpoint import find_licence_in
from inference.registry.licence import Terms, build_terms_of, describe, find_hub_id
from inference.registry.load import Catalogue
from inference.registry.manifest import NAME, format_manifest, parse_manifest, select

VARIABLE = "appliance_licences"
DIGEST_CHARACTERS = 12
# So that the same acknowledgement is the same row, whoever runs the playbook again.
ROWS = uuid.UUID("a5f3c1de-6a0b-5e0e-9d53-5f1c8a1d7b42")


@dataclass(frozen=True)
class Judged:
    """``problem`` is empty when the licence was acknowledged; ``document`` is then what the audit is given. ``display``
    is what the pages have to show beside the model's name."""

    licence: str
    display: str
    problem: str
    document: Mapping[str, Any] | None


def look_into_set(folder: Path, model: str) -> dict[str, Any]:
    """What a model of an offline set says about its licence, and which files it is made of."""
    name = f"models/{model}"
    seen = gather.gather_licence(folder / name)
    manifest = folder / NAME
    sums = select(parse_manifest(manifest.read_text(encoding="utf-8")), [name]) if manifest.is_file() else {}
    return {**seen, "manifest": hashlib.sha256(format_manifest(sums).encode()).hexdigest() if sums else ""}


def judge(
    catalogue: Catalogue, seen: Mapping[str, Any], *, model: str, folder: str, said: Any, hub_id: str | None = None
) -> Judged:
    """``said`` is what the inventory has under ``appliance_licences`` for the model, whatever that is; ``hub_id`` is
    what the settings name it by, where they do."""
    terms = build_terms_of(
        catalogue,
        hub_id=hub_id or seen["origin"] or find_hub_id(catalogue, Path(folder).name),
        card=find_licence_in(seen["card"]),
        sums={Path(path): of for path, of in seen["files"].items()},
    )
    wanted = {"licence": terms.id, "words": terms.text_id}
    if not isinstance(said, Mapping) or {key: said.get(key) for key in wanted} != wanted:
        return Judged(terms.id, terms.display, _ask(terms, model), None)
    reference = f"{model}@{seen['manifest'][:DIGEST_CHARACTERS] or 'unrecorded'}"
    try:
        acknowledgement = build_acknowledgement(reference, terms, name=str(said.get("acknowledged_by") or ""))
    except NameMissingError:
        return Judged(
            terms.id, terms.display, _ask(terms, model, lack=" acknowledged_by is not the name of a person."), None
        )
    row = uuid.uuid5(ROWS, json.dumps([reference, terms.text_id, acknowledgement.name]))
    detail = {k: v for k, v in asdict(replace(acknowledgement, id=str(row))).items() if k != "recorded"}
    return Judged(terms.id, terms.display, "", {"schema_version": SCHEMA_VERSION, **detail})


def _ask(terms: Terms, model: str, *, lack: str = "") -> str:
    return (
        f"Nobody acknowledged the licence of {model}.{lack} {describe(terms, model)}\n"
        f"Whoever may decide that for your organisation says so in the inventory, which is recorded:\n"
        f"  {VARIABLE}:\n"
        f"    {json.dumps(model)}: {{acknowledged_by: First Last, licence: {json.dumps(terms.id)}, "
        f"words: {json.dumps(terms.text_id)}}}"
    )


def complete_registrations(
    registrations: Sequence[Sequence[str]], judged: Sequence[Mapping[str, Any]]
) -> list[list[str]]:
    """The arguments of ``endpoint``, with each model's licence and what it wants shown in the model's detail."""
    known = {each["name"]: {"licence": each["licence"], "display": each["display"]} for each in judged}
    return [
        [_complete(word, before, call, known) for before, word in zip(["", *call], call, strict=False)]
        for call in registrations
    ]


def _complete(word: str, before: str, call: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> str:
    if before == "--detail":
        model = call[list(call).index("--model") + 1]
        return json.dumps({**json.loads(word), **known.get(model, {})})
    if before == "--entries":
        entries = json.loads(word)
        return json.dumps([{**each, "detail": {**each["detail"], **known.get(each["model"], {})}} for each in entries])
    return word
