"""Which paths the appliance can be installed in: those that every configuration file it writes can carry."""

import re
from pathlib import Path

from appliance.settings import SettingsError

# Quotes and backslashes end a quoted value; PostgreSQL separates by comma, PATH by colon; supervisord expands % and
# takes " ;" and " #" for the start of a comment.
ODD = re.compile(r"""["'\\%,:\x00-\x1f\x7f]|\s[;#]""")


def refuse_odd_path(path: Path, *, what: str) -> None:
    """Spaces and letters of any language are fine; what a configuration file could not hold is refused by name."""
    if found := ODD.search(str(path)):
        raise SettingsError(
            f"{what} is {str(path)!r}, and a path with {found.group()!r} in it cannot be used: quotation marks, "
            "backslashes, commas, colons, % and line breaks are not possible, nor ; or # after a space. Use another "
            "folder."
        )
