"""What a hub says about models, without their files: ``python -m inference.registry.hub_facts A/B C/D@R``.

Runs in the inference environment, which has the hub's client. Prints one JSON document; a model that the hub does not
give is in it with the reason.
"""

import argparse
import json
import sys
from typing import Any

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

from inference.registry.weights import list_loaded

SECONDS_FOR_METADATA = 30
SCHEMA_VERSION = 1


def read_facts(hub_id: str, revision: str | None) -> dict[str, Any]:
    """Commit, and size and SHA-256 of each weights file that is loaded; a sum is None where the hub names none."""
    info = HfApi().model_info(hub_id, revision=revision, timeout=SECONDS_FOR_METADATA, files_metadata=True)
    siblings = {file.rfilename: file for file in info.siblings or ()}
    files = {
        name: {"bytes": siblings[name].size, "sha256": lfs.sha256 if (lfs := siblings[name].lfs) else None}
        for name in list_loaded(siblings)
    }
    if info.sha is None or not files:
        raise LookupError("the hub names no commit for it" if info.sha is None else "it has no *.safetensors file")
    return {"hub_id": hub_id, "commit": info.sha, "files": files}


def explain(error: Exception, revision: str) -> str:
    if isinstance(error, GatedRepoError):
        return "the hub asks for a token of somebody who accepted its licence there: set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such model, or shows it to those with a token only"
    if isinstance(error, RevisionNotFoundError):
        return f"the hub has no revision {revision} of it"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a hub for commits, sizes and sums of models.")
    parser.add_argument("models", nargs="+", help="owner/name, or owner/name@revision")
    found: list[dict[str, Any]] = []
    for asked in parser.parse_args().models:
        hub_id, _, revision = asked.partition("@")
        try:
            found.append(read_facts(hub_id, revision or None))
        except (OSError, httpx2.HTTPError, HFValidationError, LookupError) as error:
            found.append({"hub_id": hub_id, "problem": explain(error, revision)})
    sys.stdout.write(json.dumps({"schema_version": SCHEMA_VERSION, "models": found}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
