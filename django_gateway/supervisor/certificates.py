"""The certificate for HTTPS: somebody's own, or one made for this machine by an authority of our own."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..servers.base import Certificate
from ..servers.options import Options

_AUTHORITY = "authority.pem"
_DAYS = 90


class CertificateError(Exception):
    """There is no certificate to serve with; the message says why, and what helps."""


def choose(options: Options, names: list[str], folder: Path) -> Certificate | None:
    """None where HTTPS is not asked for. ``names`` are hosts and addresses. Raises CertificateError."""
    if options.key is not None and options.cert is None:
        raise CertificateError("--key goes with --cert.")
    if options.cert is not None:
        chosen = Certificate(Path(options.cert).absolute(), Path(options.key or options.cert).absolute())
        _check(chosen)
        return chosen
    if not options.https:
        return None
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    if options.dry_run or _fits(made, folder / "names.txt", names):
        return made
    _make(made, names, folder)
    return made


def authority(folder: Path) -> Path:
    """Whom a browser or ``curl --cacert`` is to trust for certificates that were made here."""
    return folder / _AUTHORITY


def context(certificate: Certificate | None) -> ssl.SSLContext | None:
    """For what the supervisor answers itself."""
    if certificate is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    return made


def _check(certificate: Certificate) -> None:
    for path in (certificate.chain, certificate.key):
        if not os.access(path, os.R_OK):
            raise CertificateError(f"{path} can't be read.")
    try:
        context(certificate)
    except ssl.SSLError as error:
        what = error.reason.replace("_", " ").lower() if error.reason else str(error)
        raise CertificateError(f"{certificate.chain} with {certificate.key} is no certificate: {what}.") from error


def _no_password() -> str:
    raise CertificateError("The private key asks for a password, and gatewayserve has none to give.")


def _fits(made: Certificate, note: Path, names: list[str]) -> bool:
    try:
        _check(made)
        written, *known = note.read_text(encoding="utf-8").splitlines()
        return set(names) <= set(known) and datetime.now(UTC) - datetime.fromisoformat(written) < timedelta(_DAYS - 1)
    except (CertificateError, OSError, ValueError):
        return False


def _make(made: Certificate, names: list[str], folder: Path) -> None:
    try:
        import trustme
    except ImportError as error:
        raise CertificateError(
            "A certificate can't be made. To install what makes it: pip install 'django-gateway[https]'"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    ours = trustme.CA(organization_name="django-gateway, for this machine only")
    issued = ours.issue_cert(*names, not_after=now + timedelta(_DAYS))
    ours.cert_pem.write_to_path(folder / _AUTHORITY)
    made.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    made.key.unlink(missing_ok=True)
    with open(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
        key.write(_pkcs8(issued.private_key_pem.bytes()))
    (folder / "names.txt").write_text("\n".join([now.isoformat(), *names]), encoding="utf-8")


def _pkcs8(pem: bytes) -> bytes:
    """The key in the one form that every server reads."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, password=None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
