"""A certificate authority for tests, through openssl: what the installation makes for a site, in small."""

import subprocess
from pathlib import Path
from typing import Literal

from inference.serving.argv import ProxyTls

Purpose = Literal["server", "client"]


class Authority:
    """Signs certificates into ``folder``."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder, self._name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2",
            "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(self.key),
            "-out", str(self.certificate),
        )  # fmt: skip

    def issue(
        self, name: str, *, purpose: Purpose, days: int = 2, names: tuple[str, ...] = ("127.0.0.1", "localhost")
    ) -> ProxyTls:
        """``names``: host names or addresses in it. ``days`` may be in the past. ``ca_file`` is this authority's."""
        key, request, certificate = (self._folder / f"{self._name}-{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self._folder / f"{name}.ext"
        alternatives = ",".join(f"{'IP' if each[0].isdigit() else 'DNS'}:{each}" for each in names)
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=critical,CA:FALSE\n"
            f"keyUsage=critical,digitalSignature\nextendedKeyUsage={purpose}Auth\n"
        )
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", f"/CN={name}",
            "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        self._run(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.key),
            "-days", str(days), "-extfile", str(extensions), "-out", str(certificate),
        )  # fmt: skip
        return ProxyTls(self.certificate, certificate, key)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
