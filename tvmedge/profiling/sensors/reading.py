"""Files of a board's /sys, all at one moment: of this machine, or through a board's shell."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.shells import shell
from tvmedge.errors import BoardError

PATTERNS = (
    "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq",
    "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count",
    "sys/devices/platform/soc/soc:firmware/get_throttled",
    "sys/class/thermal/thermal_zone*/type",
    "sys/class/thermal/thermal_zone*/temp",
    "sys/class/powercap/*:*/name",
    "sys/class/powercap/*:*/energy_uj",
    "sys/class/powercap/*:*/max_energy_range_uj",
    "sys/class/hwmon/hwmon*/name",
    "sys/class/hwmon/hwmon*/energy*_input",
    "sys/class/hwmon/hwmon*/power*_input",
    "sys/class/power_supply/*/type",
    "sys/class/power_supply/*/status",
    "sys/class/power_supply/*/current_now",
    "sys/class/power_supply/*/voltage_now",
    "sys/bus/iio/devices/iio:device*/name",
    "sys/bus/iio/devices/iio:device*/energy_value",
)
"""All that is read, under the root folder. Documented in Linux's Documentation/ABI and hwmon."""

_LONGEST = 4096
_MOST = 1024
_ANSWER_S = 10.0
_FORBIDDEN = "!"

Reading = Mapping[str, str | None]
"""Content by path under the root, without the root's name; None of a file that this user may not
read."""


class Reader(Protocol):
    """Reads them as often as it is asked."""

    def read(self) -> Reading:
        """All files of the patterns that are there now.

        Raises:
            BoardError: the board is gone.
        """


@contextlib.contextmanager
def open_reader(address: BoardAddress, root: Path = Path("/")) -> Iterator[Reader | None]:
    """What reads a board's files; None where that board has no sensors of its own (an emulator),
    or no shell.

    Raises:
        ToolError, BoardError: there is no way to the board's shell.
    """
    if address.kind is BoardKind.LOCAL:
        yield LocalReader(root)
    elif address.kind in (BoardKind.SSH, BoardKind.ADB):
        with contextlib.closing(ShellReader(address, root)) as reader:
            yield reader
    else:
        yield None


class LocalReader:
    """This machine's."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self) -> Reading:
        """See ``Reader``."""
        found: dict[str, str | None] = {}
        for pattern in PATTERNS:
            for path in sorted(self._root.glob(pattern))[:_MOST]:
                name = path.relative_to(self._root).as_posix()
                try:
                    with path.open("rb") as file:
                        found[name] = file.read(_LONGEST).decode("ascii", "replace").strip()
                except PermissionError:
                    found[name] = None
                except OSError:
                    continue  # a sensor that is asleep
        return found


class ShellReader:
    """A board's, through one shell that stays open: a line to it is a question."""

    def __init__(self, address: BoardAddress, root: Path) -> None:
        script = _SCRIPT.replace("ROOT", shlex.quote(str(root))).replace(
            "FILES", " ".join(PATTERNS)
        )
        self._address = address
        self._process = subprocess.Popen(
            shell(address).command(script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def read(self) -> Reading:
        """See ``Reader``."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"\n")
            return parsed(self._answer())
        except OSError as error:
            raise self._gone() from error

    def _answer(self) -> bytes:
        assert self._process.stdout is not None
        content, deadline = b"", time.monotonic() + _ANSWER_S
        while not content.endswith(b"\n.\n") and content != b".\n":
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._process.stdout], [], [], left)
            part = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            if not part or len(content) > _MOST * _LONGEST:
                raise self._gone()
            content += part
        return content.removesuffix(b".\n")

    def _gone(self) -> BoardError:
        return BoardError(f"Board '{self._address}' gave no answer about its sensors.")

    def close(self) -> None:
        """End the shell."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def parsed(content: bytes) -> Reading:
    """What the script prints: a path, a tab and the file's content or "!", a line each."""
    found: dict[str, str | None] = {}
    for line in content.decode("ascii", "replace").splitlines()[:_MOST]:
        path, tab, text = line.partition("\t")
        if tab:
            found[path] = None if text == _FORBIDDEN else text[:_LONGEST].strip()
    return found


_SCRIPT = f"""\
cd ROOT
while read -r line; do
  for file in FILES; do
    [ -e "$file" ] || continue
    if [ -r "$file" ]; then text=$(head -c {_LONGEST} "$file" 2>/dev/null | tr '\\t\\n' '  ')
    else text='{_FORBIDDEN}'; fi
    [ -n "$text" ] && printf '%s\\t%s\\n' "$file" "$text"
  done
  echo .
done
"""
