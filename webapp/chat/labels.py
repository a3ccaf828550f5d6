"""The words that the live parts of a page use. JavaScript holds no sentences of its own: it gets these as data."""

from django.utils.translation import gettext as _


def live_labels() -> dict[str, str]:
    """Texts by event or state. ``{n}``, ``{attempt}`` and ``{seconds}`` are filled in by the page."""
    return {
        "run_queued": _("Queued"),
        "run_started": _("Starting"),
        "retrieve": _("Searching your documents"),
        "sources_none": _("No passage found, writing"),
        "sources_one": _("Reading 1 passage"),
        "sources_many": _("Reading {n} passages"),
        "generation_started": _("Writing"),
        "cite": _("Checking the sources"),
        "waiting_for_engine": _("Waiting for the model's engine. Trying again in {seconds} s."),
        "restarted": _("The answer is being written again (attempt {attempt}): the worker stopped."),
        "restarted_engine": _("The answer is being written again (attempt {attempt}): the engine stopped."),
        "stopping": _("Stopping"),
        "reconnecting": _("Connection lost. Trying again."),
        "finished": _("The answer is complete."),
        "failed": _("The answer could not be written."),
        "cancelled": _("Stopped."),
        "refused": _("This did not work. Reload the page and try again."),
    }
