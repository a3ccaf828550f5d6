"""Numbers and ages in words, as the pages of the console write them."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

GIB = 2**30
MINUTE, HOUR, DAY = 60, 3600, 86400


def format_number(value: float, decimals: int = 0) -> str:
    """Thousands in groups; no "-0"."""
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not float(text.replace(",", "")) else text


def format_measure(value: float | None, unit: str, decimals: int = 0) -> str:
    """A number with its unit, or words for what is not known."""
    if value is None:
        return _("not known")
    return f"{format_number(value, decimals)}\u00a0{unit}".rstrip("\u00a0")


def format_gib(value: float | None) -> str:
    return format_measure(None if value is None else value / GIB, "GiB", 1)


def say_duration(seconds: float) -> str:
    """The largest unit that fits, rounded down: nothing is made younger than it is by more than that unit."""
    whole = int(seconds)
    if whole < MINUTE:
        return ngettext("%(n)d second", "%(n)d seconds", whole) % {"n": whole}
    if whole < HOUR:
        return ngettext("%(n)d minute", "%(n)d minutes", whole // MINUTE) % {"n": whole // MINUTE}
    if whole < 2 * DAY:
        return ngettext("%(n)d hour", "%(n)d hours", whole // HOUR) % {"n": whole // HOUR}
    return ngettext("%(n)d day", "%(n)d days", whole // DAY) % {"n": whole // DAY}


def age_labels() -> dict[str, str]:
    """The same words for the page's counter, which holds no sentences of its own. ``{n}`` is filled in there."""
    return {
        "second": _("{n} second ago"),
        "seconds": _("{n} seconds ago"),
        "minute": _("{n} minute ago"),
        "minutes": _("{n} minutes ago"),
        "hour": _("{n} hour ago"),
        "hours": _("{n} hours ago"),
        "day": _("{n} day ago"),
        "days": _("{n} days ago"),
    }
