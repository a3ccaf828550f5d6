"""The signature that came with a model, checked with the site's own public key by the ``model-signing`` program.

Nothing cryptographic is done here. The program lives in an environment of its own and reads every file, so what it said
of a manifest is kept in the record of :mod:`inference.registry.place`, under the sum of the key.
"""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.settings import Settings
from inference.registry.manifest import NAME as MANIFEST
from inference.registry.refusals import SignatureError

FILE = "model.sig"
OURS = (MANIFEST, "imported.json", "fetched.json")  # what the store adds to the files that were signed
SECONDS = 3 * 3600
TAIL_CHARACTERS = 400


@dataclass(frozen=True)
class Policy:
    """``program`` is ``model_signing`` of the environment ``signing``."""

    key_file: Path
    program: Path

    def read_key_id(self) -> str:
        """Raises SignatureError for a key that cannot be read."""
        try:
            return hashlib.sha256(self.key_file.read_bytes()).hexdigest()
        except OSError as error:
            raise SignatureError(
                self.key_file, f"the public key cannot be read ({error.strerror}).", "Correct model.signing_key_file."
            ) from None


def build_policy(settings: Settings, *, python: Path, further: str | None = None) -> Policy | None:
    """None where no signature is required. ``python``: of an environment that ``signing`` lies beside. What the main
    model requires holds for a ``further`` one too, which may name a key of its own."""
    wanted = settings.model
    if further is not None and settings.further_models[further].require_signature:
        wanted = settings.further_models[further]
    if not wanted.require_signature:
        return None
    assert wanted.signing_key_file is not None, "the settings require it"
    return Policy(wanted.signing_key_file, python.parents[2] / "signing" / "bin" / "model_signing")


def build_command(folder: Path, policy: Policy) -> list[str]:
    """Everything that was not signed is refused, but for what the store itself wrote."""
    ignored = [word for name in OURS if (folder / name).exists() for word in ("--ignore-paths", str(folder / name))]
    return [
        str(policy.program), "verify", "key", str(folder), "--signature", str(folder / FILE), "--public_key",
        str(policy.key_file), "--no-ignore_unsigned_files", *ignored,
    ]  # fmt: skip


def check_signature(folder: Path, policy: Policy) -> str:
    """The sum of the key that the signature holds for. Raises SignatureError."""
    key_id = policy.read_key_id()
    if not (folder / FILE).is_file():
        raise SignatureError(
            folder / FILE, "there is no signature, and model.require_signature asks for one.",
            "Get the signed model from whoever signs models for you.",
        )  # fmt: skip
    if not policy.program.exists():
        raise SignatureError(
            policy.program, "the program that checks signatures is not installed.",
            "Install it with: python3 -P -m appliance.local.environments ensure signing",
        )  # fmt: skip
    done = subprocess.run(
        build_command(folder, policy), env={"PATH": str(policy.program.parent), "LANG": "C.UTF-8"}, cwd="/",
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[:TAIL_CHARACTERS]
        raise SignatureError(
            folder / FILE, f"the signature does not hold for these files and {policy.key_file} ({said}).",
            "Get the model again from whoever signs models for you.",
        )  # fmt: skip
    return key_id
