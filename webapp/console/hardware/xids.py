"""What an XID means for who runs the host: NVIDIA numbers the errors that its driver reports."""

from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Severity = Literal["bad", "warning", "information"]
CRITICAL = frozenset({48, 62, 64, 74, 79, 95, 119, 120})
APPLICATION = frozenset({13, 31, 43})
MEANINGS: dict[int, Promise] = {
    13: _("the program on the GPU made an error in computing"),
    31: _("the program on the GPU reached for memory that is not its own"),
    43: _("the program on the GPU was stopped after an error of its own"),
    48: _("a memory error that could not be corrected"),
    62: _("the GPU's own controller halted"),
    63: _("a worn part of the memory was retired"),
    64: _("a worn part of the memory could not be retired"),
    74: _("an error on the link between GPUs"),
    79: _("the GPU is not reachable on its bus any more"),
    94: _("a memory error that was contained: the program using it was stopped"),
    95: _("a memory error that was not contained"),
    119: _("the GPU's firmware does not answer"),
    120: _("the GPU's firmware failed"),
}
UNKNOWN = _("not one that this page knows: look it up in NVIDIA's list of XIDs")


def severity_of(xid: int) -> Severity:
    """Critical ones are the card's, some are a program's; what is not known is a warning until somebody looks."""
    if xid in CRITICAL:
        return "bad"
    return "information" if xid in APPLICATION else "warning"


def meaning_of(xid: int) -> str:
    return str(MEANINGS.get(xid, UNKNOWN))
