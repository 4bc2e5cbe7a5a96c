"""Who a gateway lets in, and what it does with everybody else."""

from __future__ import annotations

import datetime
import os
import random
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.devices.gateway import Gateway, Guest, eventually, local_pool, serving, session_of
from tests.devices.malformed import bad_early_frame, bad_frame, garbage
from tvmedge.boards.address import parse_address
from tvmedge.boards.gateway import ask, pipe
from tvmedge.boards.gateway.ask import look
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.gateway.wire import Look, Reason, Refused
from tvmedge.boards.relay.frames import framed
from tvmedge.cli import main
from tvmedge.errors import BoardError, InputError, TrustError
from tvmedge.gateway.authority import enroll, revoke


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("door") / "gateway", local_pool(1)) as gateway:
        yield gateway


def refused(gateway: Gateway, why: str) -> None:
    """It is in the log, soon."""
    eventually(lambda: any(why in str(line) for line in gateway.log("refused")), why)


def looking(gateway: Gateway, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(keys))
    look(gateway.address())


def test_keys_of_another_gateway_are_known_by_neither(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    enroll(tmp_path / "state", "alice", other, 1)
    with pytest.raises(TrustError, match="is not the one that these keys are for"):
        looking(gateway, other, monkeypatch)
    mixed = tmp_path / "mixed.pem"
    ours = re.findall(pipe._CERTIFICATE, gateway.keys("alice").read_text())
    mixed.write_text(other.read_text().rpartition("-----BEGIN CERT")[0] + ours[1])
    mixed.chmod(0o600)
    with pytest.raises(TrustError, match="does not know this certificate: it is of another"):
        looking(gateway, mixed, monkeypatch)
    refused(gateway, "certificate: ")


def test_a_revoked_client_is_told_so_and_loses_its_session(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session_of(gateway, "mallory") as guest:
        revoke(gateway.folder / "state", "mallory")
        assert b"the certificate was revoked" in guest.rest()
    with pytest.raises(TrustError, match="the certificate of 'mallory' was revoked"):
        looking(gateway, gateway.keys("mallory"), monkeypatch)
    refused(gateway, "certificate revoked")
    with pytest.raises(InputError, match="Nobody is enrolled as 'mallory'"):
        revoke(gateway.folder / "state", "mallory")


def test_an_expired_certificate_is_told_so(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = signed_again(gateway, tmp_path / "expired.pem", days=-1)
    with pytest.raises(TrustError, match="it has expired: enroll again"):
        looking(gateway, expired, monkeypatch)
    refused(gateway, "certificate has expired")


def test_a_certificate_that_was_never_given_out_is_refused(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlisted = signed_again(gateway, tmp_path / "unlisted.pem", days=1)
    with pytest.raises(TrustError, match="this certificate was never given out here"):
        looking(gateway, unlisted, monkeypatch)
    refused(gateway, "certificate unknown")


def signed_again(gateway: Gateway, path: Path, days: int) -> Path:
    """Alice's key under a certificate of the same authority with another time and number."""
    old = gateway.keys("alice").read_bytes()
    authority = (gateway.folder / "state/authority.pem").read_bytes()
    mine = x509.load_pem_x509_certificate(old)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder(extensions=list(mine.extensions))
        .subject_name(mine.subject)
        .issuer_name(mine.issuer)
        .public_key(mine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    made = builder.sign(load_pem_private_key(authority, None), hashes.SHA256())  # type: ignore[arg-type]
    pem = re.split(rb"(?=-----BEGIN CERTIFICATE)", old)
    path.write_bytes(pem[0] + made.public_bytes(Encoding.PEM) + pem[2])
    path.chmod(0o600)
    return path


def test_nothing_below_tls_1_3_and_nobody_without_a_certificate(gateway: Gateway) -> None:
    for version, keys in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = version
        if keys:
            context.load_cert_chain(gateway.keys("alice"))
        with (
            socket.create_connection(("127.0.0.1", gateway.port)) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
            context.wrap_socket(plain) as secure,
        ):
            secure.recv(1)
    refused(gateway, "handshake: unsupported protocol")
    refused(gateway, "handshake: peer did not return a certificate")


def test_whoever_else_listens_is_no_gateway(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(BoardError, match="nothing listens: start it or check the port"):
        look(parse_address(f"gateway://127.0.0.1:{port}/pool"))
    with pytest.raises(BoardError, match="its name is not known here"):
        look(parse_address("gateway://no-such-name.invalid:1/pool"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(pipe, "_CONNECT_S", 0.3)
        port = silent.getsockname()[1]
        with pytest.raises(BoardError, match="the gateway is silent"):
            look(parse_address(f"gateway://127.0.0.1:{port}/pool"))


def test_keys_that_are_none_or_open_to_others_are_not_used(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"There are no keys for .* 'tvmedge enroll NAME'"):
        looking(gateway, tmp_path / "none.pem", monkeypatch)
    loose = tmp_path / "loose.pem"
    loose.write_bytes(gateway.keys("alice").read_bytes())
    with pytest.raises(InputError, match=r"Others can read the keys .* 'chmod 600'"):
        looking(gateway, loose, monkeypatch)
    loose.write_text("no keys")
    loose.chmod(0o600)
    with pytest.raises(TrustError, match="is no file of 'tvmedge enroll'"):
        looking(gateway, loose, monkeypatch)


@pytest.mark.parametrize(
    ("bytes_sent", "why"),
    [
        (struct.pack("<I", 1 << 30), "a message of 1073741824 bytes is too long"),
        (struct.pack("<I", 2) + b"{}", "what came is no request"),
        (struct.pack("<I", 0), "what came is no request"),
        (struct.pack("<I", 16) + b'{"type":"Leave"}', "no place in a queue"),
        (struct.pack("<I", 4) + b"\xff\xfe\0\0", "what came is no request"),
    ],
    ids=["oversized", "empty object", "nothing", "leave", "no text"],
)
def test_what_is_no_request_is_refused_and_logged(
    gateway: Gateway, bytes_sent: bytes, why: str
) -> None:
    with Guest(gateway) as guest:
        guest.secure.sendall(bytes_sent)
        answer = guest.hear()
        assert isinstance(answer, Refused) and answer.reason is Reason.MALFORMED
        assert why in answer.message
    refused(gateway, why)


@pytest.mark.parametrize("pool", ["nope", "../../etc/passwd", "pool\0", "x" * 64])
def test_a_pool_is_a_name_and_no_path(gateway: Gateway, pool: str) -> None:
    with Guest(gateway) as guest:
        answer = guest.ask(pool=pool)
        assert isinstance(answer, Refused) and answer.reason is Reason.POOL
    refused(gateway, "there is no pool")


@pytest.mark.parametrize("name", ["../../../etc/passwd", "no-such-target", "hexagon-v67"])
def test_a_target_is_one_that_a_board_runs(gateway: Gateway, name: str) -> None:
    with Guest(gateway) as guest:
        answer = guest.ask(target=name)
        assert isinstance(answer, Refused) and answer.reason is Reason.TARGET
    with Guest(gateway) as guest:
        answer = guest.ask(target="raspberry-pi-4b")
        assert "no board of pool 'pool' runs bundles for raspberry-pi-4b" in answer.message


def test_another_version_is_named(gateway: Gateway) -> None:
    with Guest(gateway) as guest:
        guest.say(Look(999, "pool"))
        answer = guest.hear()
        assert isinstance(answer, Refused) and answer.reason is Reason.VERSION


def test_a_client_of_another_version_says_so(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "PROTOCOL", 999)
    said = r"speaks protocol 1 \(tvmedge .*\), this tvmedge 999: use the same version on both"
    with pytest.raises(BoardError, match=said):
        looking(gateway, gateway.keys("alice"), monkeypatch)


def test_a_lease_is_used_once_and_by_whom_it_was_given_to(gateway: Gateway) -> None:
    with Guest(gateway) as waiting:
        lease = waiting.granted().lease
    for client, token in (("bob", lease), ("alice", "0" * 32), ("alice", "../lease")):
        with Guest(gateway, client) as guest:
            assert isinstance(guest.attach(token), Refused)
    with Guest(gateway) as guest:
        assert type(guest.attach(lease)).__name__ == "Attached"
        with Guest(gateway) as second:
            assert isinstance(second.attach(lease), Refused)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"Q" + bytes(7),
        b"D\1" + bytes(6),
        b"D" + bytes(7),
        b"H\0\0\0\1\0\0\0x",
        b"D\0\0\0" + struct.pack("<I", 2**31),
        framed(b"X", b"exit 0"),
    ],
    ids=["kind", "zeros", "empty", "long sign", "huge", "the board's"],
)
def test_what_is_no_frame_ends_the_session_before_the_board_sees_it(
    gateway: Gateway, bytes_sent: bytes
) -> None:
    with session_of(gateway) as guest:
        guest.secure.sendall(bytes_sent)
        assert b"refused the host: it sent " in guest.rest()


def test_the_doctor_goes_the_way(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
    eventually(lambda: gateway.status()["boards"][0]["state"] == "free", "a free board")
    assert main(["doctor", "--board", str(gateway.address())]) == 0
    assert "1 of 1 boards work, " in capsys.readouterr().out
    assert main(["doctor", "--board", str(gateway.address("nope"))]) == 4
    assert "there is no pool 'nope' (valid: pool)" in capsys.readouterr().out


many = (pytest.mark.slow, pytest.mark.timeout(7200))


@pytest.mark.parametrize(
    ("who", "count"),
    [
        ("stranger", 300),
        ("client", 100),
        ("session", 30),
        pytest.param("stranger", 80_000, marks=many),
        pytest.param("client", 20_000, marks=many),
        pytest.param("session", 3_000, marks=many),
    ],
)
def test_malformed_frames_change_nothing(gateway: Gateway, who: str, count: int) -> None:
    """Seeded garbage instead of a handshake; then, of a client, instead of requests; then, of one
    who has a session, instead of frames."""
    assert gateway.process is not None
    fuzz = {"stranger": fuzz_stranger, "client": fuzz_client, "session": fuzz_session}[who]
    chance, before = random.Random(11), 0
    for number in range(count):
        if number == count // 3:
            before = resident_kib(gateway.process.pid)
        fuzz(gateway, chance)
    assert resident_kib(gateway.process.pid) < before + 16 * 1024, "memory grows"
    assert gateway.process.poll() is None
    with session_of(gateway) as guest:  # and honest clients are served
        guest.secure.settimeout(60)
        assert guest.secure.recv(8) == b"tvmedge-"
    eventually(lambda: len(descriptors(gateway.process.pid)) < 40, "descriptors are left")


def fuzz_stranger(gateway: Gateway, chance: random.Random) -> None:
    record = bytes([22, 3, chance.randrange(5)]) + struct.pack(">H", chance.randrange(1 << 15))
    data = chance.choice([garbage(chance), record + garbage(chance)])
    with socket.create_connection(("127.0.0.1", gateway.port), 60) as plain:
        plain.sendall(data)


def fuzz_client(gateway: Gateway, chance: random.Random) -> None:
    with Guest(gateway, "fuzzer") as guest:
        guest.secure.sendall(garbage(chance))


def fuzz_session(gateway: Gateway, chance: random.Random) -> None:
    """What is no frame is refused: by the gateway, or by the session where only that can tell."""
    sent, _ = bad_frame(chance) if chance.random() < 0.5 else (bad_early_frame(chance), b"")
    with session_of(gateway, "fuzzer") as guest:
        try:
            guest.secure.sendall(sent)
        except (ConnectionError, ssl.SSLError):
            return  # refused before it had come whole
        told = guest.rest()
    assert b"refused the host: it sent " in told, (sent, told)


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def descriptors(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 (some vanish meanwhile)
