"""The text of ``driver.c``: one call after the other, with addresses known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.compiler.library.header import LOOKS, c_string, comment
from tvmedge.compiler.library.interface import Interface, Member
from tvmedge.compiler.library.kernels import Part
from tvmedge.compiler.library.layout import Layout
from tvmedge.compiler.library.plan import aligned
from tvmedge.compiler.library.program import Call, Home, Program, Tensor

DRIVER = "driver.c"
CONSTANTS = "constants.bin"
WEIGHTS = "weights.safetensors"


class Driver:
    """Writes the driver of one program.

    ``offsets`` are those of weights and constants in their files, by index; ``parts`` the
    functions of each kernel.
    """

    def __init__(
        self,
        interface: Interface,
        program: Program,
        layout: Layout,
        offsets: Mapping[Home, tuple[int, ...]],
        parts: Mapping[str, tuple[Part, ...]],
    ) -> None:
        self._interface = interface
        self._program = program
        self._layout = layout
        self._offsets = offsets
        self._parts = parts

    def text(self) -> str:
        """The whole file; it includes the header and embeds ``CONSTANTS`` and ``WEIGHTS``."""
        p = self._interface.prefix
        sections = [
            f'#pragma GCC visibility push(default)\n#include "{p}.h"\n#pragma GCC visibility pop',
            "void *memcpy(void *to, const void *from, size_t bytes);",
            *self._data(),
            self._names(),
            "\n".join(self._declarations()),
            *self._tables(),
            *self._pool(),
            self._wrong(),
            self._run(),
        ]
        if self._interface.external:
            sections.append(_CHECK_WEIGHTS % {"p": p, "P": self._interface.upper, **self._digest()})
        return "\n\n".join(sections) + "\n"

    def _names(self) -> str:
        names = "".join(f'\n  {c_string(call.kernel)} "\\0"' for call in self._program.calls)
        return f'const char {self._interface.prefix}_kernels[] = ""{names};'

    def _data(self) -> list[str]:
        weights = self._interface.weights
        parts = []
        if self._program.constants:
            parts.append(self._embedded("constants", CONSTANTS))
        if weights is not None and weights.embedded:
            parts.append(self._embedded("weights", WEIGHTS))
        return parts

    def _embedded(self, name: str, file: str) -> str:
        align = f"_Alignas({self._interface.alignment})"
        return f'static {align} const unsigned char {name}[] = {{\n#embed "{file}"\n}};'

    def _declarations(self) -> list[str]:
        lines: dict[str, str] = {}
        for call in self._program.calls:
            for part in self._parts[call.kernel]:
                count = len(call.arguments) + len(part.scratch) + len(part.own)
                kinds = ["const void *"] * count + ["int32_t"] * (2 if part.extent else 0)
                lines[part.symbol] = f"void {part.symbol}({', '.join(kinds) or 'void'});"
        return list(lines.values())

    def _tables(self) -> list[str]:
        p = self._interface.prefix
        parts = []
        for kind, members in (
            ("inputs", self._interface.inputs),
            ("outputs", self._interface.outputs),
        ):
            rows = [_row(member) for member in members] or ["{0, 0, 0, 0, 0}"]
            table = ",\n  ".join(rows)
            parts.append(f"const {p}_tensor {p}_{kind}[] = {{\n  {table}}};")
        parts.append(f"const size_t {p}_workspace_bytes = {self._interface.upper}_WORKSPACE_BYTES;")
        return parts

    def _pool(self) -> list[str]:
        interface = self._interface
        if interface.threads == 1:
            return []
        names = {"p": interface.prefix, "P": interface.upper, "looks": LOOKS}
        return [_POOL % names, *self._tasks()]

    def _entered(self) -> tuple[str, str]:
        """What a run does before and after its calls to have the pool's threads."""
        if self._interface.threads == 1:
            return "", ""
        return "  Pool *pool = pool_enter(io->pool);\n", "\n  pool_leave(pool);"

    def _wrong(self) -> str:
        members = [m.name for m in self._interface.members if m.nbytes]
        members += ["weights"] if self._interface.external else []
        pointers = ", ".join(["workspace", *(f"io->{name}" for name in members)])
        return _WRONG % {
            "p": self._interface.prefix,
            "P": self._interface.upper,
            "pointers": pointers,
        }

    def _run(self) -> str:
        lines, start = [], 0
        for index, call in enumerate(self._program.calls):
            name = _at(f"{self._interface.prefix}_kernels", start)
            lines.append(f"  {self._call(index, call)} /* {comment(call.binding)} */")
            lines.append(f"  if (done) done(context, {index}, {name});")
            start += len(call.kernel.encode()) + 1
        for copy in self._program.copies:
            to, source = self._address(copy.output), self._address(copy.source)
            if copy.output.nbytes:
                lines.append(f"  memcpy({to}, {source}, {copy.output.nbytes});")
        enter, leave = self._entered()
        return _RUN % {
            "p": self._interface.prefix,
            "P": self._interface.upper,
            "weights": f"  {_WEIGHTS}\n" if self._interface.external else "",
            "calls": enter + "\n".join(lines) + leave,
        }

    def _call(self, index: int, call: Call) -> str:
        """What runs a kernel: its parts one after the other."""
        p = self._interface.prefix
        frame = f"&(const {p}_frame){{io, work}}"
        return " ".join(
            f"pool_run(pool, {_task(p, index, part)}, {frame}, {part.extent});"
            if part.extent
            else f"{part.symbol}({', '.join(self._arguments(index, call, part))});"
            for part in self._parts[call.kernel]
        )

    def _tasks(self) -> list[str]:
        """For each call of a part in parallel, what one of its tasks does."""
        p = self._interface.prefix
        weights = f"  {_WEIGHTS}\n" if self._interface.external else ""
        return [
            f"static void {_task(p, index, part)}(const void *given, int task, int begin,"
            f" int end) {{\n"
            f"  const {p}_frame *frame = given;\n  const {p}_io *io = frame->io;\n"
            f"  unsigned char *work = frame->work;\n{weights}  (void)io, (void)work, (void)task;\n"
            f"  {part.symbol}({', '.join(self._arguments(index, call, part))}, begin, end);\n}}"
            for index, call in enumerate(self._program.calls)
            for part in self._parts[call.kernel]
            if part.extent
        ]

    def _arguments(self, index: int, call: Call, part: Part) -> list[str]:
        """Tensors, what all parts share, what this part's tasks have for themselves."""
        places = list(self._layout.scratch.get(index, ()))
        shared = len(part.scratch)
        parts = self._parts[call.kernel]
        before = sum(len(other.own) for other in parts[: parts.index(part)])
        own = places[shared + before : shared + before + len(part.own)]
        return [
            *(self._address(tensor) for tensor in call.arguments),
            *(_at("work", offset) for offset in places[:shared]),
            *(
                f"{_at('work', offset)} + (size_t)task * {aligned(size)}"
                for offset, size in zip(own, part.own, strict=True)
            ),
        ]

    def _address(self, tensor: Tensor) -> str:
        if tensor.home is Home.INPUT:
            return f"io->{self._interface.inputs[tensor.index].name}"
        if tensor.home is Home.OUTPUT:
            return f"io->{self._interface.outputs[tensor.index].name}"
        if tensor.home is Home.WORKSPACE:
            return _at("work", self._layout.tensors[tensor])
        name = "weights" if tensor.home is Home.WEIGHT else "constants"
        return _at(name, self._offsets[tensor.home][tensor.index])

    def _digest(self) -> dict[str, str]:
        assert self._interface.weights is not None
        digest = bytes.fromhex(self._interface.weights.sha256)
        return {"digest": ", ".join(f"0x{byte:02x}" for byte in digest)}


_WEIGHTS = "const unsigned char *weights = io->weights;\n  (void)weights;"


def _task(prefix: str, index: int, part: Part) -> str:
    return f"{prefix}_task_{index}_{part.symbol.rpartition('_')[2]}"


def _at(name: str, offset: int) -> str:
    return f"{name} + {offset}" if offset else name


def _row(member: Member) -> str:
    shape = ", ".join(map(str, member.shape)) or "0"
    return (
        f"{{{c_string(member.spec.name)}, {c_string(member.spec.dtype)}, "
        f"(const int64_t[]){{{shape}}}, {len(member.shape)}, {member.nbytes}}}"
    )


_POOL = """\
#define TVMEDGE_MAX_THREADS %(P)s_MAX_THREADS
#define TVMEDGE_LOOKS %(looks)s
#include "pool.h"
_Static_assert(sizeof(Pool) <= %(P)s_POOL_BYTES, "a pool needs more memory than the header says");

int %(p)s_pool_start(void *pool, int threads) {
  if (pool == NULL) return %(P)s_MISSING;
  if ((uintptr_t)pool %% %(P)s_ALIGNMENT != 0) return %(P)s_UNALIGNED;
  if (threads < 1 || threads > %(P)s_MAX_THREADS) return %(P)s_TOO_MANY_THREADS;
  return pool_start(pool, threads) == 0 ? %(P)s_OK : %(P)s_NO_THREADS;
}

void %(p)s_pool_spin(void *pool, int looks) {
  if (pool != NULL) pool_spin(pool, looks);
}

void %(p)s_pool_stop(void *pool) {
  if (pool != NULL) pool_stop(pool);
}

typedef struct {
  const %(p)s_io *io;
  unsigned char *work;
} %(p)s_frame;"""

_WRONG = """\
static int %(p)s_wrong(const %(p)s_io *io, const void *workspace) {
  if (io == NULL) return %(P)s_MISSING;
  const void *const pointers[] = {%(pointers)s};
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    if (pointers[i] == NULL) return %(P)s_MISSING;
    if ((uintptr_t)pointers[i] %% %(P)s_ALIGNMENT != 0) return %(P)s_UNALIGNED;
  }
  return %(P)s_OK;
}"""

# Calls are written once for both: to ask for `done` takes a nanosecond a kernel, a second text of
# them some kilobytes.
_RUN = """\
static __attribute__((noinline)) void %(p)s_calls(const %(p)s_io *io, unsigned char *work,
    %(p)s_done done, void *context) {
%(weights)s  (void)io, (void)work;
%(calls)s
}

int %(p)s_run(const %(p)s_io *io, void *workspace) {
  int wrong = %(p)s_wrong(io, workspace);
  if (wrong) return wrong;
  %(p)s_calls(io, workspace, NULL, NULL);
  return %(P)s_OK;
}

int %(p)s_run_profiled(const %(p)s_io *io, void *workspace, %(p)s_done done, void *context) {
  int wrong = %(p)s_wrong(io, workspace);
  if (wrong) return wrong;
  %(p)s_calls(io, workspace, done, context);
  return %(P)s_OK;
}"""

_CHECK_WEIGHTS = """\
#include "sha256.h"

const uint8_t %(p)s_weights_sha256[32] = {%(digest)s};

int %(p)s_check_weights(const void *weights, size_t bytes) {
  uint8_t got[32];
  if (weights == NULL) return %(P)s_MISSING;
  if ((uintptr_t)weights %% %(P)s_ALIGNMENT != 0) return %(P)s_UNALIGNED;
  if (bytes != %(P)s_WEIGHTS_BYTES) return %(P)s_WRONG_WEIGHTS;
  sha256(weights, bytes, got);
  for (int i = 0; i < 32; i++) {
    if (got[i] != %(p)s_weights_sha256[i]) return %(P)s_WRONG_WEIGHTS;
  }
  return %(P)s_OK;
}"""
