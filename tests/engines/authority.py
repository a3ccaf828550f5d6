"""Certificates for tests: an authority of our own, and what it signs, as the files that the settings name."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Identity:
    """The three files of one side of the way to the models."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


class Authority:
    """Signs for any number of names; a second one is a stranger to what the first one signed."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def issue(self, folder: Path, *names: str) -> Identity:
        """``names``: host names or addresses in the certificate."""
        folder.mkdir(parents=True, exist_ok=True)
        issued = self._authority.issue_cert(*names)
        identity = Identity(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
        self._authority.cert_pem.write_to_path(identity.ca_file)
        identity.certificate_file.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(identity.key_file)
        return identity
