"""What a session and its worker process say to each other.

A frame is a 4-byte length, JSON, an 8-byte length, and tensors as safetensors; both
lengths are little-endian. The session sends a job, the worker answers it with one reply.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from tvmedge.boards.pipes import ChannelClosed, Pipes
from tvmedge.types import GpuTraffic, KernelCounts

_JSON_LIMIT = 1 << 20
_LENGTHS = (struct.Struct("<I"), struct.Struct("<Q"))


class LocalPlace(msgspec.Struct, frozen=True, tag=True):
    """Run inside the worker process."""


class PipePlace(msgspec.Struct, frozen=True, tag=True):
    """Run on a board behind a command that TVM's pipe client starts (the relay); ``threads`` are
    a library's (the server of TVM's VM has them in its command), None for one a core; ``direct``
    where that command hands on the client's own pipe ends (``relay/``)."""

    command: tuple[str, ...]
    threads: int | None = None
    direct: bool = False


class TcpPlace(msgspec.Struct, frozen=True, tag=True):
    """Run on a TVM RPC server; ``threads`` is asked of the server, None leaves its own."""

    host: str
    port: int
    key: str
    threads: int | None


class Open(msgspec.Struct, frozen=True, tag=True):
    """Load a bundle (absolute path) at a place."""

    bundle: str
    place: LocalPlace | PipePlace | TcpPlace


class Run(msgspec.Struct, frozen=True, tag=True):
    """Run the model once on the tensors of this frame, by input name."""


class Time(msgspec.Struct, frozen=True, tag=True):
    """Run the model so often on its present inputs, and time each run on the board."""

    repetitions: int


class LastCounts(msgspec.Struct, frozen=True, tag=True):
    """What the last ``Run`` executed, on a board that counts."""


class CountKernels(msgspec.Struct, frozen=True, tag=True):
    """Run the model once on its present inputs, and count what each kernel executes."""


class TimeKernels(msgspec.Struct, frozen=True, tag=True):
    """Run the model so often on its present inputs, and time each call of a kernel."""

    repetitions: int


class Traffic(msgspec.Struct, frozen=True, tag=True):
    """Run the model so often on its present inputs, and tell what a run moves between a GPU and
    the CPU beside it."""

    repetitions: int


class Peak(msgspec.Struct, frozen=True, tag=True):
    """Tell how much memory loading and running the model took."""


class Close(msgspec.Struct, frozen=True, tag=True):
    """End the worker."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """The job worked; after ``Run`` the frame's tensors are the outputs, by name."""


class Times(msgspec.Struct, frozen=True, tag=True):
    """One time a repetition, in milliseconds."""

    milliseconds: tuple[float, ...]


class PeakMemory(msgspec.Struct, frozen=True, tag=True):
    """By how much the most memory ever resident exceeds what was before the model was loaded,
    in KiB; None where it does not run in this process."""

    kib: int | None


class Moved(msgspec.Struct, frozen=True, tag=True):
    """What a run moved; None where nobody tells."""

    traffic: GpuTraffic | None


class Counted(msgspec.Struct, frozen=True, tag=True):
    """What was executed: by the whole model, or by each of its kernels in their order."""

    counts: tuple[KernelCounts, ...]


class KernelTimes(msgspec.Struct, frozen=True, tag=True):
    """The kernels in the order of their calls; the frame's tensor ``ms`` is [run, call], float64,
    in milliseconds."""

    kernels: tuple[str, ...]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The job failed; ``message`` is one line. ``exit_code`` is the error's own."""

    message: str
    exit_code: int


Job = Open | Run | Time | TimeKernels | LastCounts | CountKernels | Traffic | Peak | Close
Reply = Done | Times | KernelTimes | PeakMemory | Moved | Counted | Failed
JOBS: msgspec.json.Decoder[Job] = msgspec.json.Decoder(Job)
REPLIES: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
Message = TypeVar("Message")


class Channel(Pipes):
    """Frames over two pipe ends; every wait is bounded by a deadline."""

    def send(
        self, message: Job | Reply, tensors: Iterable[bytes | memoryview] = (), seconds: float = 60
    ) -> None:
        """Send a frame.

        Raises:
            ChannelClosed: nobody reads any more.
            ChannelTimeout: the reader did not take all of it in time.
        """
        pieces = list(tensors)
        text = msgspec.json.encode(message)
        size = sum(len(piece) for piece in pieces)
        head = _LENGTHS[0].pack(len(text)) + text + _LENGTHS[1].pack(size)
        deadline = time.monotonic() + seconds
        for piece in (head, *pieces):
            self.write(memoryview(piece), deadline)

    def receive(
        self, kind: msgspec.json.Decoder[Message], limit: int, seconds: float | None
    ) -> tuple[Message, memoryview]:
        """Wait for a frame: its message and its tensors' bytes, at most ``limit`` of them.

        Raises:
            ChannelClosed: the other end closed, or sent what is no frame.
            ChannelTimeout: the deadline passed; None waits for ever.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        text = self._read_sized(_LENGTHS[0], _JSON_LIMIT, deadline)
        tensors = self._read_sized(_LENGTHS[1], limit, deadline)
        try:
            return kind.decode(text), tensors
        except msgspec.MsgspecError as error:
            raise ChannelClosed(f"an unreadable message: {error}") from error

    def _read_sized(self, length: struct.Struct, limit: int, deadline: float | None) -> memoryview:
        (size,) = length.unpack(self.read(length.size, deadline))
        if size > limit:
            raise ChannelClosed(f"a message of {size} bytes; the limit is {limit}")
        return self.read(size, deadline)
