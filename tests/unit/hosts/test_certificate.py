"""A given certificate is refused for a wrong name, its days and a wrong key, each in a sentence."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from appliance.hosts.certificate import Judged, judge, judge_files
from appliance.settings.environment import REPOSITORY

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def write_key(key: ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def sign(*names: str, start_days: float = -10, end_days: float = 100, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """Valid from and to so many days after NOW. Without names it has a subject alone."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "answers.example.com")])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, NOW + timedelta(days=start_days), NOW + timedelta(days=end_days)
    )
    if names:
        alternatives = [x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def ask(certificate: bytes, *names: str, key: bytes | None = None) -> Judged:
    return judge(certificate, key or write_key(KEY), names or ("answers.example.com",), now=NOW)


@pytest.mark.parametrize(
    ("carried", "name"),
    [
        ("answers.example.com", "answers.example.com"), ("Answers.Example.com", "answers.example.com"),
        ("*.example.com", "answers.example.com"), ("192.0.2.10", "192.0.2.10"), ("2001:db8::1", "[2001:db8::1]"),
    ],
)  # fmt: skip
def test_certificate_with_the_right_name_is_fit(carried: str, name: str) -> None:
    assert ask(sign(carried), name) == Judged()


def test_first_certificate_is_the_sites_own_and_the_rest_its_chain() -> None:
    assert ask(sign("answers.example.com") + sign("authority", key=OTHER)) == Judged()
    assert len(ask(sign("authority", key=OTHER) + sign("answers.example.com")).problems) == 2


@pytest.mark.parametrize(
    ("carried", "said"),
    [
        (("other.example.com",), "is for other.example.com; people reach the pages at answers.example.com."),
        (("*.com",), "is for *.com;"), (("*.answers.example.com",), "is for *.answers.example.com;"),
        ((), "is for no name; people reach"),
    ],
)  # fmt: skip
def test_wrong_name_is_refused(carried: tuple[str, ...], said: str) -> None:
    (problem,) = ask(sign(*carried)).problems
    assert said in problem


def test_every_name_of_the_pages_has_to_be_in_it() -> None:
    (problem,) = ask(sign("answers.example.com"), "answers.example.com", "a.example.com", "b.example.com").problems
    assert problem.endswith("people reach the pages at a.example.com, b.example.com.")


@pytest.mark.parametrize(
    ("start", "end", "problem", "warning"),
    [
        (-10, 21.1, "", ""), (-10, 20.9, "", "expires on 2026-06-22, in 20 days"), (-10, 0.1, "", "in 0 days"),
        (-10, 0, "expired on 2026-06-01", ""), (-10, -5, "expired on 2026-05-27", ""),
        (1, 100, "not valid before 2026-06-02 12:00 UTC", ""),
    ],
)  # fmt: skip
def test_days_are_looked_at(start: float, end: float, problem: str, warning: str) -> None:
    judged = ask(sign("answers.example.com", start_days=start, end_days=end))
    assert [problem in each for each in judged.problems] == [True] * bool(problem)
    assert [warning in each for each in judged.warnings] == [True] * bool(warning)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (write_key(OTHER), "is not the key of appliance_certificate.certificate"),
        (write_key(KEY, BestAvailableEncryption(b"secret")), "is encrypted"),
        (b"nothing", "holds no private key in PEM"),
    ],
)
def test_key_has_to_be_its_own_and_readable(key: bytes, said: str) -> None:
    (problem,) = ask(sign("answers.example.com"), key=key).problems
    assert said in problem


def test_what_is_no_certificate_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert ask(b"nothing").problems == ("appliance_certificate.certificate holds no certificate in PEM.",)
    (problem,) = judge_files(tmp_path / "absent.pem", tmp_path / "key", ["a"], now=NOW).problems
    assert problem == f"appliance_certificate.certificate is {tmp_path}/absent.pem, which cannot be read: {NO_FILE}."


NO_FILE = "No such file or directory"


def test_playbooks_program_answers_in_json(tmp_path: Path) -> None:
    """As the role asks it, by today's clock."""
    certificate, key = tmp_path / "a.pem", tmp_path / "a.key"
    certificate.write_bytes(sign("answers.example.com", end_days=-1))
    key.write_bytes(write_key(OTHER))
    request = {"certificate": str(certificate), "key": str(key), "names": ["answers.example.com"]}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "appliance.hosts", "certificate"], input=json.dumps(request),
        env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(json.loads(done.stdout)["problems"]) == 2
