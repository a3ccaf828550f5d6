"""A model in a hub client's cache: ``models--owner--name/snapshots/<commit>``, whose files are links to ``blobs``.

These links are followed, and only into the blobs of the same cache.
"""

import re
import stat
from pathlib import Path, PurePosixPath

from inference.registry.intake import Intake, Member, SourceUnknownError, open_unchanged
from inference.registry.refusals import LinkInCheckpointError
from inference.registry.tree import MAX_FILES, refuse_odd_name

FOLDER = re.compile(r"models--(?P<owner>[A-Za-z0-9_.-]+?)--(?P<name>[A-Za-z0-9_.-]+)")
COMMIT = re.compile(r"[0-9a-f]{40}")
MAIN = "main"


def find_cache(path: Path) -> Path | None:
    """The cache folder of one model that ``path`` is, or is a snapshot in; None for any other folder."""
    for folder in (path, path.parent.parent):
        if FOLDER.fullmatch(folder.name) and (folder / "snapshots").is_dir():
            return folder
    return None


def read_hub_cache(path: Path, *, revision: str | None = None) -> Intake:
    """``path`` is the model's folder in the cache or one of its snapshots; ``revision`` a branch, tag or commit in it.

    Raises SourceUnknownError for a revision that is not in the cache, LinkInCheckpointError for a link out of it.
    """
    cache = find_cache(path)
    assert cache is not None
    match = FOLDER.fullmatch(cache.name)
    assert match is not None
    commit, revision = _find_commit(cache, path, revision)
    snapshot, blobs = cache / "snapshots" / commit, (cache / "blobs").resolve()
    members: list[Member] = []
    for link in sorted(snapshot.rglob("*")):
        if link.is_dir() and not link.is_symlink():
            continue
        name = link.relative_to(snapshot).as_posix()
        refuse_odd_name(name, link)
        blob = link.resolve()
        if link.is_symlink() and (blob.parent != blobs or not blob.exists()):
            raise LinkInCheckpointError(
                link, f"it leads to {str(blob)!r}, which is no file of this cache.", "Fetch the model again."
            )
        status = blob.lstat()
        if not stat.S_ISREG(status.st_mode) or len(members) == MAX_FILES:
            raise LinkInCheckpointError(link, "this is no file of a model.", "Fetch the model again.")
        members.append(Member(PurePosixPath(name), status.st_size, open_unchanged(blob, status)))
    hub_id = f"{match['owner']}/{match['name']}"
    total = sum(member.size for member in members)
    return Intake("hub cache", path, match["name"], members, total, hub_id, revision, commit)


def _find_commit(cache: Path, path: Path, revision: str | None) -> tuple[str, str]:
    """The snapshot's commit, and the branch that it is known by here."""
    refs = {
        ref.relative_to(cache / "refs").as_posix(): ref.read_text(encoding="utf-8", errors="replace").strip()
        for ref in sorted((cache / "refs").rglob("*")) if ref.is_file()
    }  # fmt: skip
    if path != cache:
        wanted = path.name
    else:
        wanted = refs.get(revision or MAIN, revision or "")
        if revision is None and not wanted:
            snapshots = [folder.name for folder in (cache / "snapshots").iterdir()]
            wanted = snapshots[0] if len(snapshots) == 1 else ""
    if not COMMIT.fullmatch(wanted) or not (cache / "snapshots" / wanted).is_dir():
        snapshots = sorted(folder.name for folder in (cache / "snapshots").iterdir() if folder.is_dir())
        there = ", ".join([name for name, commit in sorted(refs.items()) if commit in snapshots] or snapshots)
        if not there:
            raise SourceUnknownError(f"{cache} holds no snapshot: nothing of this model was fetched. Fetch it again.")
        raise SourceUnknownError(
            f"{cache} has no snapshot of {revision or 'one revision'}. Say which with --revision: {there}."
        )
    known_as = next((name for name, commit in sorted(refs.items()) if commit == wanted and name == MAIN), None)
    return wanted, revision or known_as or wanted
