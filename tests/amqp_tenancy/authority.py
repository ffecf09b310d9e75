"""Certificates made for a test: one authority, and what it signs."""

import subprocess
from pathlib import Path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Signs certificates in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._made = 0
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        _openssl(*new, "-keyout", str(self.key), "-out", str(self.certificate), "-subj", f"/CN={name}", "-utf8")

    def sign(self, subject: str, *extensions: str) -> tuple[str, str]:
        """A certificate and its key, as files."""
        self._made += 1
        request, certificate, key, more = (
            str(self.folder / f"{self.name}-{self._made}.{kind}") for kind in ("csr", "pem", "key", "ext")
        )
        new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-utf8"]
        _openssl(*new, "-keyout", key, "-out", request, "-subj", subject, "-multivalue-rdn")
        Path(more).write_text("".join(line + "\n" for line in extensions))
        signing = ["x509", "-req", "-in", request, "-CA", str(self.certificate), "-CAkey", str(self.key)]
        _openssl(*signing, "-CAcreateserial", "-days", "2", "-out", certificate, "-extfile", more)
        return certificate, key
