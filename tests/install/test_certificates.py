"""The local authority, as the playbook makes it on the machine that it runs on: whom it signs for, when it renews."""

import datetime as dt
import json
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.local.environments import ENVIRONMENTS
from appliance.settings import environment
from tests.install.ground import ROOT

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: certificates, tasks_from: authority, rolespec_validate: false}
"""
VARIABLES = {"appliance_host": {"names": ["answers.example.test", "192.0.2.10"]}, "appliance_address": "192.0.2.20"}


def sign(folder: Path) -> bool:
    """Run the role's tasks; whether anything changed."""
    (folder / "hosts.yml").write_text("gpu: {hosts: {localhost: {}}}\n")
    (folder / "play.yml").write_text(PLAYBOOK)
    (folder / "variables.json").write_text(json.dumps({**VARIABLES, "appliance_tls_folder": str(folder / "tls")}))
    program = str(ENVIRONMENTS / "deploy" / "bin" / "ansible-playbook")
    done = subprocess.run(
        [program, "-i", folder / "hosts.yml", folder / "play.yml", "-e", f"@{folder / 'variables.json'}"],
        env={**environment.full(), "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return "changed=0" not in done.stdout


def read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls" / f"{name}.pem").read_bytes())


def shorten(folder: Path, name: str, days: int) -> None:
    """The same certificate, signed by the same authority, with this much time left."""
    old, authority = read(folder, name), read(folder, "ca")
    key = serialization.load_pem_private_key((folder / "tls" / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        authority.subject, old.subject, old.public_key(), x509.random_serial_number(), now - dt.timedelta(days=800),
        now + dt.timedelta(days=days),
    )  # fmt: skip
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "tls" / f"{name}.pem").write_bytes(pem)


def check_what_was_signed(folder: Path) -> None:
    """Nobody can be on the other side than the one that is meant; keys are their owner's alone."""
    uses = {
        name: list(read(folder, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for name in ("front-door", "engine-proxy", "application", "monitoring")
    }
    server, client = [ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert uses == {"front-door": server, "engine-proxy": server, "application": client, "monitoring": client}
    name = read(folder, "monitoring").subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert name == "monitoring"
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder / "tls").glob("*.key")}
    assert set(modes.values()) == {0o600}
    assert (folder / "tls").stat().st_mode & 0o777 == 0o700


def test_authority_signs_each_for_one_side_once_and_renews_in_time(tmp_path: Path) -> None:
    assert sign(tmp_path)
    check_what_was_signed(tmp_path)
    serials = {name: read(tmp_path, name).serial_number for name in ("front-door", "application")}
    assert not sign(tmp_path)

    shorten(tmp_path, "front-door", 80)
    shorten(tmp_path, "application", 100)
    kept = read(tmp_path, "application").serial_number
    assert sign(tmp_path)
    renewed = read(tmp_path, "front-door")
    assert renewed.not_valid_after_utc - dt.datetime.now(dt.UTC) > dt.timedelta(days=800)
    assert renewed.serial_number != serials["front-door"]
    assert read(tmp_path, "application").serial_number == kept
