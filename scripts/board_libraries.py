"""Bring the C libraries of emulated boards into the cache: picolibc, and musl for Hexagon."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tvmedge.device.build_server import SERVER_FLAGS
from tvmedge.device.linked_server import link_program
from tvmedge.device.picolibc import fetch_picolibc
from tvmedge.errors import ToolError
from tvmedge.targeting import target


def main() -> int:
    """Do nothing for what is there already; zig keeps a libc for each set of options."""
    try:
        fetch_picolibc()
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "main.c"
            source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
            for name in ("cortex-m7", "cortex-m55", "hexagon-v67"):
                link_program(target(name), [*SERVER_FLAGS, str(source)], Path(folder) / name)
    except ToolError as error:
        print(f"board_libraries: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
