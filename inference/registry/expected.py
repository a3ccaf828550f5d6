"""Which commit and which sums the files of a hub model have to have, by the catalogue and what was pinned here."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from inference.registry.errors import ModelError
from inference.registry.load import Catalogue
from inference.registry.pinning import compare_sums
from inference.registry.pins import Pins, describe_pin, fill, list_filled
from inference.registry.weights import list_loaded

COMMIT = re.compile(r"[0-9a-f]{40}")
CATALOGUE = "the catalogue"


class PinnedOtherwiseError(ModelError):
    """The files, or the revision's commit, are not the ones that were pinned."""


@dataclass(frozen=True)
class Expected:
    """``revision`` is a commit, None where only sums are known. ``pinned_here``: by this installation, not only by the
    catalogue; ``said_by`` is that in words."""

    hub_id: str
    revision: str | None
    sha256: dict[str, str]
    pinned_here: bool
    said_by: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def is_about(self, revision: str, commit: str | None) -> bool:
        """Another commit that was asked for by its name is another model, of which nothing is expected."""
        named = commit if commit and COMMIT.fullmatch(commit) else revision
        return not (self.revision and COMMIT.fullmatch(revision) and named != self.revision)

    def covers(self, commit: str | None) -> bool:
        """Whether a model that is here already, as this commit, has to have these files. One that the catalogue of a
        later version knows in another revision stays as good as it was."""
        if commit and COMMIT.fullmatch(commit):
            return commit == self.revision
        return self.pinned_here

    def refuse_commit(self, revision: str, commit: str | None) -> None:
        """Raises PinnedOtherwiseError for a branch or tag that moved."""
        if not self.revision or not commit or not COMMIT.fullmatch(commit) or COMMIT.fullmatch(revision):
            return
        if commit != self.revision:
            raise PinnedOtherwiseError(
                f"{self.hub_id}: {revision} moved. It is the commit {commit} now, and {self.said_by} has "
                f"{self.revision}. Take that one ({self.hub_id}@{self.revision}), or pin the new one: bin/appliance "
                f"models pin {self.hub_id} --hub --replace"
            )

    def refuse_sums(self, sums: Mapping[str, str]) -> None:
        """``sums`` of all files. Raises PinnedOtherwiseError for weights that have others."""
        weights = {name: sums[name] for name in list_loaded(sums)}
        if self.sha256 and (differences := compare_sums(self.sha256, weights)):
            raise PinnedOtherwiseError(
                f"{self.hub_id}: these are not the files that {self.said_by} names: {'; '.join(differences)}. Copy "
                "or fetch the model again; when it stays so, the revision's files were changed or the pin is wrong: "
                f"bin/appliance models show {self.hub_id}"
            )


def find_expected(catalogue: Catalogue, pins: Pins, hub_id: str) -> Expected | None:
    """``catalogue`` without pins. None where neither says anything about these weights."""
    for entry in catalogue.models:
        for variant in entry.variants:
            if variant.hub_id.lower() != hub_id.lower():
                continue
            pin = pins.get(variant.hub_id)
            filled = fill(variant, pin)
            if filled.revision is None and not filled.sha256:
                return None
            is_pinned = pin is not None and bool(list_filled(variant, pin))
            said_by = f"what was {describe_pin(pin)}" if pin is not None and is_pinned else CATALOGUE
            return Expected(variant.hub_id, filled.revision, dict(filled.sha256 or {}), is_pinned, said_by)
    return None
