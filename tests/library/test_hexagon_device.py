"""The library for a real Hexagon: made where the vendor's tools are, said to be missing elsewhere.

zig's compiler stands in for the vendor's, which takes the same options.
"""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.library_sdk import sdk_of
from tvmedge.boards.health import examine
from tvmedge.device.hexagon_tools import VARIABLE, dsp_library, hexagon_tools
from tvmedge.errors import ToolError
from tvmedge.targeting import target

STAND_IN = """\
#!/bin/sh
exec "{zig}" cc -target hexagon-linux-musl -nostdlib -Wl,-z,undefs "$@"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tools whose linker is zig's."""
    spec = importlib.util.find_spec("ziglang")
    assert spec is not None and spec.origin is not None
    program = tmp_path / "tools" / "Tools" / "bin" / "hexagon-clang"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN.format(zig=Path(spec.origin).parent / "zig"), encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "tools"))
    return program


def test_the_sdk_has_a_library_for_the_device(tools: Path, tmp_path: Path) -> None:
    folder = sdk_of(target("hexagon-v68"), tmp_path, "net")
    elf = ELFFile(io.BytesIO((folder / "libnet.so").read_bytes()))
    assert (elf["e_type"], elf["e_machine"]) == ("ET_DYN", "EM_QDSP6")
    names = {symbol.name for symbol in elf.get_section_by_name(".dynsym").iter_symbols()}
    assert {"net_run", "net_run_profiled", "net_check_weights"} <= names
    tools.write_text("#!/bin/sh\necho 'no licence' >&2\nexit 1\n", encoding="ascii")
    with pytest.raises(ToolError, match="could not link for hexagonv68: no licence"):
        dsp_library(tools, (folder / "libnet.a").read_bytes(), "hexagonv68")
    tools.unlink()
    with pytest.raises(ToolError, match="where no Tools/bin/hexagon-clang is"):
        hexagon_tools()


def test_without_tools_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not (sdk_of(target("hexagon-v67"), tmp_path, "net") / "libnet.so").exists()
    (found,) = (finding for finding in examine() if finding.name == "Hexagon device")
    assert not found.ok and "not tested here" in found.detail
