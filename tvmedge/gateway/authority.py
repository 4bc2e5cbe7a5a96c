"""Keys and certificates: the gateway's own authority, and whom it let in.

The authority and the gateway's key lie in the gateway's folder, each in one file that appears
whole and is its owner's alone. What a client gets is one file too: key, certificate, authority.
"""

from __future__ import annotations

import datetime
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tvmedge.boards.address import PLAIN_NAME
from tvmedge.boards.gateway.pipe import NAME
from tvmedge.device.folders import locked
from tvmedge.errors import InputError, TrustError
from tvmedge.gateway.state import State
from tvmedge.resources import disk_errors

AUTHORITY = "authority.pem"
SERVER = "server.pem"
_AUTHORITY_DAYS = 20 * 365
_SERVER_DAYS = 365
_RENEW_DAYS = 30


@dataclass(frozen=True)
class _Pair:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """The key and its certificate."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)


def enroll(folder: Path, name: str, out: Path, days: int) -> datetime.datetime:
    """Let a client in: write its key, certificate and the gateway's authority to ``out``, a new
    file that only its owner reads; returns when the certificate expires.

    Raises:
        InputError: the name is none, or taken; ``out`` exists; no such number of days.
        ToolError: a file cannot be written.
    """
    if not PLAIN_NAME.fullmatch(name):
        raise InputError(f"A client's name has letters, digits, '_', '.' and '-', not '{name}'.")
    if not 1 <= days <= 3650:
        raise InputError(f"--days {days}: a certificate is good for 1 to 3650 days.")
    if out.exists():
        raise InputError(f"'{out}' exists: name another file with -o.")
    with State(folder) as state:
        if state.is_enrolled(name):
            raise InputError(
                f"'{name}' is enrolled already: choose another name, or revoke it first by "
                f"'tvmedge enroll {name} --revoke'."
            )
        authority = _authority(folder)
        made = _signed(name, authority, days)
        expires = made.certificate.not_valid_after_utc
        # Known before it exists: a file without a row would be refused, the reverse harms nobody.
        state.enroll(f"{made.certificate.serial_number:x}", name, expires.timestamp())
    write_private(out, made.pem() + authority.certificate.public_bytes(Encoding.PEM))
    return expires


def revoke(folder: Path, name: str) -> None:
    """Let a client in no more; a gateway that runs ends its sessions within seconds.

    Raises:
        InputError: nobody of that name is enrolled.
    """
    with State(folder) as state:
        if not state.revoke(name):
            raise InputError(f"Nobody is enrolled as '{name}' with '{folder}': check the name.")


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS 1.3 for clients with a certificate of this gateway.

    Raises:
        TrustError: the files in the folder are damaged.
    """
    authority = _authority(folder)
    with locked(folder / ".lock"):
        server = _read(folder / SERVER) if (folder / SERVER).exists() else None
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(_RENEW_DAYS)
        if server is None or server.certificate.not_valid_after_utc < soon:
            write_private(folder / SERVER, _signed(None, authority, _SERVER_DAYS).pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.num_tickets = 0  # every connection shows its certificate
    context.load_cert_chain(folder / SERVER)
    context.load_verify_locations(
        cadata=authority.certificate.public_bytes(Encoding.PEM).decode("ascii")
    )
    return context


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads; it appears whole."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # is 0600
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def _authority(folder: Path) -> _Pair:
    """The gateway's own authority, made where there is none."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder / ".lock"):
        path = folder / AUTHORITY
        if not path.exists():
            write_private(path, _signed(None, None, _AUTHORITY_DAYS).pem())
        return _read(path)


def _read(path: Path) -> _Pair:
    try:
        content = path.read_bytes()
        key = load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (OSError, ValueError) as error:
        raise TrustError(f"'{path}' is damaged ({error}): restore it from a copy.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TrustError(f"'{path}' holds another kind of key than ours: restore it from a copy.")
    return _Pair(key, certificate)


def _signed(client: str | None, authority: _Pair | None, days: int) -> _Pair:
    """A key and certificate: of a client, of the server, or without ``authority`` one itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = client or (NAME if authority else "tvmedge gateway authority")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = authority.key if authority else key
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(
        ("key_agreement", "content_commitment", "data_encipherment", "key_encipherment"), False
    )
    usage |= dict.fromkeys(("encipher_only", "decipher_only"), False)
    usage |= {"digital_signature": authority is not None}
    usage |= dict.fromkeys(("key_cert_sign", "crl_sign"), authority is None)
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority is None, None), True)
        .add_extension(x509.KeyUsage(**usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
    )
    if authority is not None:
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        if client is None:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(NAME)]), False
            )
    return _Pair(key, builder.sign(signer, hashes.SHA256()))
