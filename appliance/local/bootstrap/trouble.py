"""The machine refuses a file or folder: one message with the path and the fix, in place of a traceback."""

import errno

FIXES = {
    errno.EACCES: "Run this as the user it belongs to, or correct its owner and mode.",
    errno.EPERM: "Run this as the user it belongs to, or correct its owner and mode.",
    errno.ENOSPC: "Free some space there, then run the same command again.",
    errno.EDQUOT: "Free some space there, then run the same command again.",
    errno.EROFS: "Make the file system writable, or use a folder on another one.",
}


def explain_os_error(error: OSError) -> str | None:
    """What to tell the operator; ``None`` for an error that the machine's state does not explain."""
    fix = FIXES.get(error.errno or 0)
    if fix is None:
        return None
    where = f"{error.filename} cannot be used" if error.filename else "A file cannot be used"
    return f"{where}: {error.strerror}. {fix}"
