"""Is the certificate that a site gives for its pages fit to be shown? Its names, its days and its key; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SOON = timedelta(days=21)
VARIABLE = "appliance_certificate"


@dataclass(frozen=True)
class Judged:
    """``problems`` keep the site from being installed; ``warnings`` are said."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_files(certificate: Path, key: Path, names: Iterable[str], *, now: datetime) -> Judged:
    """Those of the inventory, on this machine."""
    read = {}
    for part, path in (("certificate", certificate), ("key", key)):
        try:
            read[part] = path.read_bytes()
        except OSError as error:
            return Judged((f"{VARIABLE}.{part} is {path}, which cannot be read: {error.strerror}.",))
    return judge(read["certificate"], read["key"], names, now=now)


def judge(certificate: bytes, key: bytes, names: Iterable[str], *, now: datetime) -> Judged:
    """``certificate``: PEM, the site's own first, then its chain; ``names``: those under which people reach it."""
    try:
        shown, *_ = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        return Judged((f"{VARIABLE}.certificate holds no certificate in PEM.",))
    problems, warnings = [], []
    if missing := [name for name in names if not carries(shown, name)]:
        carried = ", ".join(list_names(shown)) or "no name"
        problems.append(f"{VARIABLE}.certificate is for {carried}; people reach the pages at {', '.join(missing)}.")
    if now >= (end := shown.not_valid_after_utc):
        problems.append(f"{VARIABLE}.certificate expired on {end:%Y-%m-%d}: have it renewed.")
    elif now < (start := shown.not_valid_before_utc):
        problems.append(f"{VARIABLE}.certificate is not valid before {start:%Y-%m-%d %H:%M} UTC.")
    elif end - now < SOON:
        days = (end - now).days
        warnings.append(f"{VARIABLE}.certificate expires on {end:%Y-%m-%d}, in {days} days: have it renewed.")
    return Judged((*problems, *_judge_key(shown, key)), tuple(warnings))


def list_names(certificate: x509.Certificate) -> list[str]:
    """Browsers look at the subject's alternative names, and at nothing else."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def carries(certificate: x509.Certificate, name: str) -> bool:
    """A wildcard stands for one label, as browsers read it."""
    carried = [each.lower().rstrip(".") for each in list_names(certificate)]
    try:
        return str(ip_address(name.strip("[]"))) in carried
    except ValueError:
        wanted = name.lower().rstrip(".")
        return wanted in carried or f"*.{wanted.partition('.')[2]}" in carried


def _judge_key(certificate: x509.Certificate, key: bytes) -> list[str]:
    try:
        given: Any = load_pem_private_key(key, password=None)
    except TypeError:
        return [f"{VARIABLE}.key is encrypted; nginx starts with nobody there to type its password."]
    except ValueError:
        return [f"{VARIABLE}.key holds no private key in PEM."]
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if given.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return [f"{VARIABLE}.key is not the key of {VARIABLE}.certificate."]
    return []
