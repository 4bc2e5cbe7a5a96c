"""Virtual environments of contestants, made in the user's cache when first used.

Runtimes want packages of versions that exclude each other; none of them is a
dependency of tvmedge.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_STAMP = "bench-stamp"


@dataclass(frozen=True)
class Environment:
    """``packages`` with what they need, and ``alone``: without. No packages: this Python."""

    name: str
    packages: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()

    def python(self) -> Path:
        """Its interpreter, installed first where it is missing or has other packages.

        Raises:
            subprocess.CalledProcessError: pip could not install them; it has said why.
        """
        if not self.packages:
            return Path(sys.executable)
        from tvmedge.resources import cache_dir

        folder = cache_dir("bench") / "environments" / self.name
        python, stamp = folder / "bin" / "python", folder / _STAMP
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != self.digest():
            print(f"Installing {', '.join(self.packages + self.alone)}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(python), "-m", "pip", "install", "-qq", "--only-binary=:all:"]
            subprocess.run([*install, *self.packages], check=True)
            if self.alone:
                subprocess.run([*install, "--no-deps", *self.alone], check=True)
            stamp.write_text(self.digest(), encoding="utf-8")
        return python

    def digest(self) -> str:
        """Changes with the packages."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


OURS = Environment("ours")
PLOT = Environment("plot", ("matplotlib==3.10.7",))
