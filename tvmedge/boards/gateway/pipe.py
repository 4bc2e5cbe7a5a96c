"""A connection to a gateway, and stdin and stdout carried over it.

Run as a file by the relay, as it runs ssh, under ``python -I -S`` with nothing but the standard
library:

    pipe.py KEYS HOST PORT LEASE

KEYS is a file of ``tvmedge enroll``: a key, its certificate, the gateway's own authority. LEASE is
what the gateway lent (``ask.py``). What keeps a session from starting is told as a session tells
its end, so that the relay needs to know nothing of gateways.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import ssl
import sys
import time

NAME = "tvmedge-gateway"
"""What every gateway's certificate says; which gateway it is, its authority says."""
MESSAGE_LIMIT = 1 << 14
_CONNECT_S = 10.0
_ANSWER_S = 20.0
_CHUNK = 1 << 18
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_ALERTS = (
    ("CERTIFICATE_EXPIRED", "does not take this certificate, it has expired: enroll again"),
    ("CERTIFICATE_REVOKED", "does not take this certificate, it was revoked"),
    ("UNKNOWN_CA", "does not know this certificate: it is of another gateway"),
    ("CERTIFICATE", "does not take this certificate: enroll again"),
    ("DECRYPT_ERROR", "does not know this certificate: it is of another gateway"),
    ("VERSION", "does not speak TLS 1.3"),
)


class GatewayError(Exception):
    """There is no way to the gateway; completes 'the gateway ...'."""


class UntrustedError(GatewayError):
    """One of the two does not know the other."""


def connect(keys: str, host: str, port: int) -> ssl.SSLSocket:
    """A connection to the gateway, which is the one that ``keys`` are for.

    Raises:
        GatewayError: nobody is there.
        UntrustedError: somebody else is there, or the keys are no keys.
    """
    context = _context(keys)
    try:
        plain = socket.create_connection((host, port), _CONNECT_S)
    except socket.gaierror as error:
        raise GatewayError("cannot be found, its name is not known here: check the name") from error
    except TimeoutError as error:
        raise GatewayError(
            f"does not answer within {_CONNECT_S:.0f} s: check that it is on, and firewalls"
        ) from error
    except ConnectionRefusedError as error:
        raise GatewayError("is not there, nothing listens: start it or check the port") from error
    except OSError as error:
        raise GatewayError(f"cannot be reached ({error.strerror}): check the network") from error
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return context.wrap_socket(plain, server_hostname=NAME)
    except (OSError, ValueError) as error:
        plain.close()
        raise lost(error) from error


def _context(keys: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        with open(keys, encoding="ascii") as file:  # noqa: PTH123 (pathlib loads slowly)
            certificates = _CERTIFICATE.findall(file.read(MESSAGE_LIMIT))
        _own, authority = certificates
        context.load_cert_chain(keys)
        context.load_verify_locations(cadata=authority)
    except (OSError, ValueError) as error:
        raise UntrustedError(f"is not asked, '{keys}' is no file of 'tvmedge enroll'") from error
    return context


def lost(error: Exception) -> GatewayError:
    """What an error of the connection means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UntrustedError(
            f"is not the one that these keys are for ({error.verify_message}): check the address"
        )
    reason = getattr(error, "reason", None) or ""
    for sign, cause in _ALERTS:
        if sign in reason:
            return UntrustedError(cause)
    if isinstance(error, ssl.SSLError) and "EOF" not in str(error):
        return GatewayError(f"does not speak as a gateway ({reason or error})")
    if isinstance(error, TimeoutError):
        return GatewayError("is silent")
    return GatewayError("closed the connection")


def send(secure: ssl.SSLSocket, message: bytes) -> None:
    """Send one message.

    Raises:
        GatewayError: the connection is gone.
    """
    try:
        secure.sendall(len(message).to_bytes(4, "little") + message)
    except OSError as error:
        raise lost(error) from error


def receive(secure: ssl.SSLSocket, seconds: float = _ANSWER_S) -> bytes:
    """The next message, which is to be there within so long.

    Raises:
        GatewayError: it is not, the connection is gone, or what came is no message.
    """
    deadline = time.monotonic() + seconds
    size = int.from_bytes(_exactly(secure, 4, deadline), "little")
    if size > MESSAGE_LIMIT:
        raise GatewayError("does not speak as a gateway: another program listens there")
    return _exactly(secure, size, deadline)


def _exactly(secure: ssl.SSLSocket, size: int, deadline: float) -> bytes:
    have = b""
    while len(have) < size:
        secure.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            piece = secure.recv(size - len(have))
        except OSError as error:
            raise lost(error) from error
        if not piece:
            raise GatewayError("closed the connection")
        have += piece
    return have


def carry(secure: ssl.SSLSocket, reading: int, writing: int) -> None:
    """Carry bytes between two pipe ends and the gateway until one side ends.

    Raises:
        GatewayError: the connection broke.
    """
    secure.setblocking(False)
    os.set_blocking(writing, False)
    to_gateway, to_host = memoryview(b""), memoryview(b"")
    while True:
        poller = select.poll()
        if wanted := (0 if to_host else select.POLLIN) | (select.POLLOUT if to_gateway else 0):
            poller.register(secure, wanted)
        if not to_gateway:
            poller.register(reading, select.POLLIN)
        if to_host:
            poller.register(writing, select.POLLOUT)
        # Of what TLS has decrypted already no poll tells.
        decrypted = not to_host and secure.pending() > 0
        ready = dict(poller.poll(0 if decrypted else None))
        if reading in ready:
            piece = os.read(reading, _CHUNK)
            if not piece:
                return
            to_gateway = memoryview(piece)
        try:
            if to_gateway:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    to_gateway = to_gateway[secure.send(to_gateway) :]
            if not to_host and (decrypted or secure.fileno() in ready):
                to_host, ended = _taken(secure)
                if ended and not to_host:
                    return
        except OSError as error:
            raise lost(error) from error
        if to_host:
            with contextlib.suppress(BlockingIOError):
                to_host = to_host[os.write(writing, to_host) :]


def _taken(secure: ssl.SSLSocket) -> tuple[memoryview, bool]:
    """What has come, of several records; and whether nothing more will."""
    buffer, filled = bytearray(_CHUNK), 0
    view = memoryview(buffer)
    try:
        while filled < _CHUNK:
            got = secure.recv_into(view[filled:])
            if not got:
                return view[:filled], True
            filled += got
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass
    return view[:filled], False


def _started(keys: str, host: str, port: int, lease: str) -> ssl.SSLSocket:
    """A connection behind which the session of a lease is."""
    secure = connect(keys, host, port)
    welcome = json.loads(receive(secure))
    send(secure, json.dumps({"type": "Attach", "lease": lease}).encode())
    answer = json.loads(receive(secure)) if welcome["type"] == "Welcome" else welcome
    if answer["type"] != "Attached":
        raise GatewayError(f"gave no session: {answer.get('message', 'without a word')}")
    return secure


def main(arguments: list[str]) -> int:
    """See the module."""
    keys, host, port, lease = arguments
    try:
        secure = _started(keys, host, int(port), lease)
    except (GatewayError, ValueError, KeyError, TypeError) as error:
        sentence = str(error) if isinstance(error, GatewayError) else "sent what makes no sense"
        text = f"was not reached, the gateway {sentence}".encode("utf-8", "replace")
        sys.stdout.buffer.write(b"tvmedge-session 1\nX\0\0\0" + len(text).to_bytes(4, "little"))
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return 4
    try:
        carry(secure, 0, 1)
    except BrokenPipeError:
        return 0
    except GatewayError as error:
        print(f"the gateway {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
