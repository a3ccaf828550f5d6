"""The part of a model card that was measured: a comparison that was made of exactly these weights, or no part at all.

``model-cards/measured/<name of the weights>.json`` is what ``models compare --json`` printed. One that is about other
weights is refused: nothing measured on a stand-in gets into a card.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inference.registry.comparison import SCHEMA_VERSION, build_rows, describe_machine
from inference.registry.entry import Variant
from inference.registry.errors import CardError
from inference.registry.load import Catalogue
from inference.registry.markdown import write_table

FOLDER = "measured"
Measured = Mapping[str, dict[str, Any]]  # name of the weights to the comparison of them
NOTHING: Measured = MappingProxyType({})


def read_measured(folder: Path, catalogue: Catalogue) -> Measured:
    """Raises CardError for a file that is not the comparison of the weights it is called after."""
    variants = {variant.name: variant for entry in catalogue.models for variant in entry.variants}
    found = {}
    for file in sorted((folder / FOLDER).glob("*.json")):
        if (variant := variants.get(file.stem)) is None:
            raise CardError(f"{file}: the registry has no weights of that name. Call it after the ones it measured.")
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
            child = report["child"]
            problem = _find_problem(report, child, variant)
        except (ValueError, LookupError, TypeError) as error:
            raise CardError(f"{file} is not what `models compare --json` prints ({error!r}).") from None
        if problem:
            raise CardError(f"{file}: {problem}")
        found[file.stem] = report
    return found


def describe_measured(report: dict[str, Any]) -> str:
    """In Markdown: the table, what it allows to conclude, and where it was measured."""
    table = write_table(("Measure", "Parent", "These weights", "Compared"), build_rows(report))
    asked, text = report["questions"], report["perplexity"]
    sums = (
        f"Questions with the SHA-256 `{asked['questions_sha256']}`, a text of {text['tokens']:,} tokens with "
        f"`{text['text_sha256']}`."
    )
    ground = (
        f"Measured on {report['date'][:10]} with {describe_machine(report)}, against `{report['parent']['reference']}`."
    )
    return f"### Against its parent: measured\n\n{table}\n\n{asked['in_words']} {ground} {sums}"


def _find_problem(report: dict[str, Any], child: dict[str, Any], variant: Variant) -> str:
    if report["schema_version"] != SCHEMA_VERSION:
        return f"its schema_version is {report['schema_version']!r}, and {SCHEMA_VERSION} is read."
    if child["hub_id"] != variant.hub_id:
        return f"it is about {child['hub_id'] or child['reference']}, and the card about {variant.hub_id}."
    if variant.revision and child["revision"] not in (variant.revision, None):
        return f"it is about the revision {child['revision']}, and the card about {variant.revision}."
    if child["converted_while_loading"]:
        return "the weights were made 4-bit while they were loaded, which the card's are not."
    return ""
