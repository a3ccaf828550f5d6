"""Who may connect: clients with a certificate that our own authority signed for clients."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.serving.argv import LOOPBACK, ProxyTls

ASKER = "application"
LOOPBACKS = frozenset({LOOPBACK, "::1"})


Certificate = Mapping[str, Any]


class UnprotectedError(Exception):
    """The proxy was told to listen on the network without the files that protect it."""


def read_tls(
    host: str, *, ca_file: Path | None, certificate_file: Path | None, key_file: Path | None
) -> ProxyTls | None:
    """The three files, or none of them on loopback. Raises :class:`UnprotectedError`."""
    files = (ca_file, certificate_file, key_file)
    if ca_file is not None and certificate_file is not None and key_file is not None:
        return ProxyTls(ca_file, certificate_file, key_file)
    if any(files):
        raise UnprotectedError("TLS needs all of --ca-file, --certificate-file and --key-file.")
    if host not in LOOPBACKS:
        raise UnprotectedError(
            f"On {host} every client has to show a certificate: give --ca-file, --certificate-file and --key-file, or "
            f"listen on {LOOPBACK}."
        )
    return None


def build_context(files: ProxyTls) -> ssl.SSLContext:
    """TLS 1.2 or later; a client without a certificate of ours does not get as far as sending a request.

    OpenSSL also checks that the certificate is meant for clients. Raises OSError for files that are absent or unusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.ca_file)
    context.load_cert_chain(files.certificate_file, files.key_file)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0  # every connection shows its certificate; none is resumed without
    return context


def find_common_name(certificate: Certificate | None) -> str:
    """Of what :meth:`ssl.SSLSocket.getpeercert` returns; empty without a certificate or a name in it."""
    subject = (certificate or {}).get("subject", ())
    return next((str(value) for parts in subject for key, value in parts if key == "commonName"), "")


def may_ask_models(common_name: str) -> bool:
    """``application``, or ``<installation>-application`` in a cluster. Whoever else the authority signed, such as the
    site's Prometheus or another proxy, may read and needs no model."""
    return common_name == ASKER or common_name.endswith(f"-{ASKER}")
