"""Who may change a model's files: not everybody, and where root serves it, only root and the appliance's own user."""

import os
import stat
from pathlib import Path

from inference.registry.refusals import LooseModeError, WrongOwnerError
from inference.registry.tree import walk


def refuse_loose_files(root: Path, *, models_dir: Path) -> None:
    """Raises LooseModeError or WrongOwnerError. The appliance's own user is the one its folder of models belongs to."""
    statuses = {root: root.stat()} | dict(walk(root))
    for path, status in statuses.items():
        if status.st_mode & stat.S_IWOTH:
            raise LooseModeError(path, "every user of this machine may change it.", f"Run: chmod -R o-w {root}")
    if os.geteuid() != 0:
        return
    trusted = {0, models_dir.stat().st_uid} if models_dir.exists() else {0}
    for path, status in statuses.items():
        if status.st_uid not in trusted:
            raise WrongOwnerError(
                path, f"it belongs to user {status.st_uid}, who could change what root has loaded.",
                f"Run: chown -R root {root}, or import it.",
            )  # fmt: skip
