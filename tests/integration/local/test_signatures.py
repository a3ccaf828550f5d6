"""Signed models, with the real model-signing program: whoever's key it was not, or whatever changed, is not served."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.local.environments import ENVIRONMENTS
from appliance.settings import Settings
from inference.registry.importing import Names, import_model
from inference.registry.place import find_place, read_record
from inference.registry.refusals import SignatureError
from inference.registry.signature import FILE, Policy, build_policy
from inference.registry.store import list_stored
from inference.registry.verification import verify
from tests.unit.inference.model_folders import write_model
from tests.unit.inference.test_bad_directories import Quiet

PROGRAM = ENVIRONMENTS / "signing" / "bin" / "model_signing"


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """A private key and its public one."""
    key, private, public = ec.generate_private_key(ec.SECP256R1()), folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def sign(model: Path, private: Path) -> None:
    command = [str(PROGRAM), "sign", "key", str(model), "--private_key", str(private), "--signature", str(model / FILE)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "model"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_key(tmp_path, "ours")


@pytest.fixture
def policy(keys: tuple[Path, Path]) -> Policy:
    settings = Settings.model_validate({"model": {"require_signature": True, "signing_key_file": keys[1]}})
    policy = build_policy(settings, python=ENVIRONMENTS / "webapp" / "bin" / "python")
    assert policy is not None
    assert policy.program == PROGRAM
    return policy


def bring(model: Path, models_dir: Path, policy: Policy | None) -> Path:
    done = import_model(model, models_dir=models_dir, names=Names(), progress=Quiet(), policy=policy)
    return done.stored.folder


def test_signed_model_is_imported_and_its_signature_is_not_asked_again(
    tmp_path: Path, models_dir: Path, keys: tuple[Path, Path], policy: Policy
) -> None:
    model = write_model(tmp_path / "m")
    sign(model, keys[0])
    folder = bring(model, models_dir, policy)
    gone = replace(policy, program=tmp_path / "absent")
    assert verify(folder, models_dir=models_dir, policy=gone).read_bytes == 0
    with pytest.raises(SignatureError, match="not installed"):
        verify(folder, models_dir=models_dir, policy=gone, full=True)
    verify(folder, models_dir=models_dir, policy=policy, full=True)


def test_unsigned_model_is_refused_where_a_signature_is_required(
    tmp_path: Path, models_dir: Path, policy: Policy
) -> None:
    model = write_model(tmp_path / "m")
    with pytest.raises(SignatureError, match="there is no signature"):
        bring(model, models_dir, policy)
    with pytest.raises(SignatureError, match="there is no signature"):
        verify(model, models_dir=models_dir, policy=policy)
    assert list_stored(models_dir) == []
    folder = bring(model, models_dir, None)
    with pytest.raises(SignatureError, match="there is no signature"):
        verify(folder, models_dir=models_dir, policy=policy)


def test_signature_of_somebody_else_is_refused(tmp_path: Path, models_dir: Path, policy: Policy) -> None:
    model = write_model(tmp_path / "m")
    sign(model, make_key(tmp_path, "theirs")[0])
    with pytest.raises(SignatureError, match="does not hold"):
        bring(model, models_dir, policy)


@pytest.mark.parametrize("name", ["config.json", "README.md", "NOTICE"])
def test_file_that_changed_or_came_after_the_signature_is_refused(
    tmp_path: Path, models_dir: Path, keys: tuple[Path, Path], policy: Policy, name: str
) -> None:
    model = write_model(tmp_path / "m")
    sign(model, keys[0])
    before = (model / name).read_text() if (model / name).exists() else ""
    (model / name).write_text(f"{before}\n")
    with pytest.raises(SignatureError, match="does not hold"):
        bring(model, models_dir, policy)
    assert list_stored(models_dir) == []


def test_model_that_was_imported_before_a_signature_was_required_is_checked_once(
    tmp_path: Path, models_dir: Path, keys: tuple[Path, Path], policy: Policy
) -> None:
    model = write_model(tmp_path / "m")
    sign(model, keys[0])
    folder = bring(model, models_dir, None)
    verify(folder, models_dir=models_dir, policy=policy)
    record = read_record(find_place(folder, models_dir=models_dir))
    assert record is not None
    assert record.signed_by == policy.read_key_id()
    another = replace(policy, key_file=make_key(tmp_path, "next")[1])
    with pytest.raises(SignatureError, match="does not hold"):
        verify(folder, models_dir=models_dir, policy=another)


def test_directory_in_place_is_checked_too(
    tmp_path: Path, models_dir: Path, keys: tuple[Path, Path], policy: Policy
) -> None:
    model = write_model(tmp_path / "m")
    sign(model, keys[0])
    assert verify(model, models_dir=models_dir, policy=policy).is_new
    shutil.rmtree(models_dir / "verified")
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    with pytest.raises(SignatureError, match="does not hold"):
        verify(model, models_dir=models_dir, policy=policy)


def test_key_that_cannot_be_read_is_said(tmp_path: Path, models_dir: Path, policy: Policy) -> None:
    model = write_model(tmp_path / "m")
    with pytest.raises(SignatureError, match="the public key cannot be read"):
        verify(model, models_dir=models_dir, policy=replace(policy, key_file=tmp_path / "absent"))
