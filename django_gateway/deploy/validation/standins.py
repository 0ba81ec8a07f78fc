"""What a configuration names and this machine has not, replaced for the check alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="gatewaydeploy-") as name:
        yield Path(name)


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in "\"'" else text


def certificates(text: str, chain: str, key: str, place: Path) -> str:
    """``chain`` and ``key`` are patterns that end before a path: each missing file is replaced by one of a pair."""
    made = False
    for pattern, name in ((chain, "certificate.pem"), (key, "key.pem")):
        for match in reversed(list(re.finditer(rf'{pattern}("(?:[^"\\]|\\.)*"|[^\s;]+)', text))):
            if Path(unquoted(match[1])).is_file():
                continue
            if not made:
                _make(place)
                made = True
            text = text[: match.start(1)] + str(place / name) + text[match.end(1) :]
    return text


def _make(place: Path) -> None:
    # Daphne needs Twisted with TLS, which needs cryptography: it is always here.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (place / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (place / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
