"""What contestants run: models converted once, kept until model or converter changes."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.bench.contestants import CONTESTANTS, ON_OPENCL, OURS
from scripts.bench.contestants.base import Contestant, Source
from tvmedge.resources import cache_dir, sha256_file

_ROOT = Path(__file__).resolve().parents[2]
_ABOVE = ("boards", "cli", "gateway", "profiling", "tuning")
"""Packages of tvmedge's that run or call what the compiler makes: no bundle depends on them."""

_DEADLINE_S = 300
_TOO_LONG = f"it converts for more than {_DEADLINE_S} s"
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Form:
    """A contestant's file (with its siblings, ``bytes`` in all), the seconds that it took to
    make it; or why there is none, in ``failed``."""

    path: Path | None = None
    seconds: float = 0.0
    bytes: int = 0
    failed: str = ""

    def row(self) -> dict[str, Any]:
        """What the result file holds."""
        if self.failed:
            return {"failed": self.failed}
        return {"seconds": round(self.seconds, 2), "bytes": self.bytes}


def form(name: str, source: Source, *, again: bool = False) -> Form:
    """The form of ``source`` that the contestant ``name`` loads; ``again`` tries once more
    where a conversion took too long before."""
    contestant = CONTESTANTS[name]
    if contestant.converts_in is None:
        # Weights may lie beside the file, in a folder of the model's own.
        direct, folder = source.direct, source.model.parent
        alone = direct == source.folded or folder.name != source.name
        files = [direct] if alone else folder.iterdir()
        return Form(direct, bytes=sum(file.stat().st_size for file in files))
    folder = cache_dir("bench") / "forms" / source.name / name
    record, key = folder / "form.json", _key(contestant, source)
    kept = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if kept.get("key") != key or (again and kept.get("failed") == _TOO_LONG):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        kept = {"key": key, **_converted(contestant, source, folder)}
        record.write_text(json.dumps(kept), encoding="utf-8")
    if "failed" in kept:
        return Form(failed=kept["failed"])
    files = (path for path in folder.iterdir() if path.is_file() and path != record)
    size = sum(path.stat().st_size for path in files)
    return Form(Path(kept["form"]), kept["seconds"], size)


def our_sources() -> str:
    """A hash of what decides about our bundles."""
    digest = hashlib.sha256()
    for path in sorted(_files()):
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    above = {_ROOT / "tvmedge" / name for name in _ABOVE}
    for folder in ("tvmedge", "schedules", "targets"):
        for suffix in ("py", "toml", "c", "cc", "h", "jsonl"):
            for path in (_ROOT / folder).rglob(f"*.{suffix}"):
                if above.isdisjoint(path.parents):
                    yield path


def _key(contestant: type[Contestant], source: Source) -> str:
    assert contestant.converts_in is not None
    code = inspect.getsource(contestant.convert)
    parts = [contestant.converts_in.digest(), code, *source.flags]
    parts.append(sha256_file(source.folded))
    if contestant.name in (*OURS, ON_OPENCL[0]):
        parts += [our_sources(), sha256_file(source.model)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _converted(contestant: type[Contestant], source: Source, folder: Path) -> dict[str, Any]:
    assert contestant.converts_in is not None
    python = str(contestant.converts_in.python())
    command = [python, "-m", "scripts.bench.converter", contestant.name, str(folder)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        start_new_session=True,
    ) as process:
        try:
            given = json.dumps(asdict(source), default=str)
            said, complaint = process.communicate(given, timeout=_DEADLINE_S)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # a converter starts others
            if isinstance(error, subprocess.TimeoutExpired):
                return {"failed": _TOO_LONG}
            raise
    if said:
        answer: dict[str, Any] = json.loads(said)
    else:
        last = complaint.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        answer = {"failed": last[0]}
    if "failed" in answer:
        answer["failed"] = " ".join(answer["failed"].split())[:_LONGEST_REASON]
    return answer
