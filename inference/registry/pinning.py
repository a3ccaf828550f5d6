"""What may be pinned: facts that contradict nothing that is known already. Pure."""

from dataclasses import dataclass

from inference.registry.entry import Variant
from inference.registry.errors import ModelError
from inference.registry.pins import Facts, Pin, describe_pin

SHOWN_CHARACTERS = 12
SHOWN_FILES = 3


class PinConflictError(ModelError):
    """What was read differs from what is known: a revision that moved, or files that are not those of the revision."""

    def __init__(self, problems: list[str], *, replaceable: bool) -> None:
        fix = (
            "If the new one is wanted, say so: --replace keeps the old values beside it. Otherwise name the revision "
            "that was pinned with --revision."
            if replaceable
            else "What the catalogue states is not replaced: name its revision with --revision, or describe other "
            "weights as a model of your own in appliance.yaml."
        )
        super().__init__(f"{' '.join(problems)} Nothing was pinned. {fix}")
        self.problems, self.replaceable = problems, replaceable


@dataclass(frozen=True)
class Pinned:
    """``changed`` is false where everything was known already."""

    pin: Pin
    changed: bool


def list_differences(known: Variant | Facts, found: Facts) -> list[str]:
    """Where both say something and not the same. Files that only one of them names differ too, when both name
    weights."""
    differences = []
    if known.revision and found.revision and known.revision != found.revision:
        differences.append(f"the commit was {known.revision} and is {found.revision}")
    if known.sha256 and found.sha256:
        differences += compare_sums(known.sha256, found.sha256)
    elif known.bytes_on_disk and found.bytes_on_disk and known.bytes_on_disk != found.bytes_on_disk:
        differences.append(f"the weights had {known.bytes_on_disk:,} bytes and have {found.bytes_on_disk:,}")
    return differences


def compare_sums(known: dict[str, str], found: dict[str, str]) -> list[str]:
    """Weights files only: a catalogue may know the sums of others too."""
    differences = []
    for name in sorted({name for name in (*known, *found) if name.endswith(".safetensors")}):
        before, now = known.get(name), found.get(name)
        if before is None or now is None:
            differences.append(f"{name} is {'new' if before is None else 'missing'}")
        elif before != now:
            differences.append(f"{name} had the SHA-256 {before[:SHOWN_CHARACTERS]} and has {now[:SHOWN_CHARACTERS]}")
    more = len(differences) - SHOWN_FILES
    return differences if more <= 0 else [*differences[:SHOWN_FILES], f"{more} more files differ"]


def pin_variant(variant: Variant, pin: Pin | None, found: Facts, *, replace: bool) -> Pinned:
    """``variant`` as the catalogue has it. Raises PinConflictError, with everything that differs."""
    if differences := list_differences(variant, found):
        raise PinConflictError([_write(variant, "the catalogue says", differences)], replaceable=False)
    if pin is None:
        return Pinned(Pin(**dict(found)), changed=True)
    if differences := list_differences(pin, found):
        if not replace:
            raise PinConflictError([_write(variant, f"was {describe_pin(pin)}", differences)], replaceable=True)
        former = Facts(**{name: getattr(pin, name) for name in Facts.model_fields})
        return Pinned(Pin(**dict(found), replaced=(*pin.replaced, former)), changed=True)
    news = {
        name: getattr(found, name)
        for name in ("revision", "bytes_on_disk", "sha256")
        if getattr(pin, name) is None and getattr(found, name) is not None
    }
    if not news:
        return Pinned(pin, changed=False)
    said = {name: getattr(found, name) for name in ("origin", "pinned_at", "tool_version")}
    return Pinned(pin.model_copy(update={**news, **said}), changed=True)


def _write(variant: Variant, known_by: str, differences: list[str]) -> str:
    return f"{variant.hub_id} is not what {known_by}: {'; '.join(differences)}."
