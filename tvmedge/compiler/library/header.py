"""The text of ``model.h``: everything that a caller of the library has to know."""

from __future__ import annotations

from tvmedge.compiler.library.interface import Interface, Member

CODES = (
    ("OK", "the outputs are written"),
    ("MISSING", "a pointer is NULL"),
    ("UNALIGNED", "a pointer is no multiple of the alignment"),
    ("WRONG_WEIGHTS", "the weights are not this model's, or damaged"),
    ("TOO_MANY_THREADS", "more threads than the library was made for, or fewer than one"),
    ("NO_THREADS", "the system gave no thread"),
)
"""What the library's functions return, from 0 upwards."""

POOL_BYTES = 4096
"""What a pool takes at most, whatever the C library."""

LOOKS = 20000
"""Before a pool's thread sleeps, about 0.5 ms: serial kernels come between parallel ones."""

_PROMISE = "Allocates nothing, writes no globals, does no I/O."


def header(interface: Interface) -> str:
    """The header, for C and C++."""
    p, upper = interface.prefix, interface.upper
    codes = "\n".join(
        f"  {upper}_{name} = {code}, /* {meaning} */" for code, (name, meaning) in enumerate(CODES)
    )
    sections = [
        f"/* {interface.title}\n   Made by tvmedge. {_PROMISE} */",
        f"#ifndef {upper}_H\n#define {upper}_H\n\n#include <stddef.h>\n#include <stdint.h>",
        '#ifdef __cplusplus\nextern "C" {\n#endif',
        _macros(interface),
        f"enum {{\n{codes}\n}};",
        _io(interface),
        f"/* Runs the model once. {_memory(interface)} */\n"
        f"int {p}_run(const {p}_io *io, void *workspace);",
        "/* The same; `done` hears of every kernel that has run, in the order of the calls. */\n"
        f"typedef void (*{p}_done)(void *context, int call, const char *kernel);\n"
        f"int {p}_run_profiled(const {p}_io *io, void *workspace, {p}_done done,\n"
        "    void *context);\n"
        "/* The kernels' names in the order of the calls, each with its NUL, then one more. */\n"
        f"extern const char {p}_kernels[];",
    ]
    if interface.external:
        sections.append(_check(interface))
    if interface.threads > 1:
        sections.append(_pool(interface))
    sections += [
        "/* The tensors in the order of the io's members, under the model's own names. */\n"
        f"typedef struct {p}_tensor {{\n  const char *name;\n  const char *dtype;\n"
        "  const int64_t *shape;\n  int32_t rank;\n  size_t bytes;\n"
        f"}} {p}_tensor;\n"
        + "".join(
            f"extern const {p}_tensor {p}_{kind}[{max(len(members), 1)}];\n"
            for kind, members in (("inputs", interface.inputs), ("outputs", interface.outputs))
        )
        + f"extern const size_t {p}_workspace_bytes;",
        "#ifdef __cplusplus\n}\n#endif\n#endif",
    ]
    return "\n\n".join(sections) + "\n"


def c_string(text: str) -> str:
    """``text`` in C's quotes; bytes outside ASCII as octal, which ends after three digits."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'


def comment(text: str) -> str:
    """``text`` so that it cannot end a comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def _memory(interface: Interface) -> str:
    return (
        f"All pointers are multiples of\n   {interface.upper}_ALIGNMENT; tensors are dense, in C "
        "order, and may not overlap. The workspace needs\n   no content and keeps none. Runs with "
        "different workspaces may go on at once."
    )


def _macros(interface: Interface) -> str:
    upper = interface.upper
    lines = [
        f"#define {upper}_ALIGNMENT {interface.alignment}",
        f"#define {upper}_WORKSPACE_BYTES {max(interface.workspace, 1)}",
    ]
    if interface.external:
        assert interface.weights is not None
        lines.append(f"#define {upper}_WEIGHTS_BYTES {interface.weights.nbytes}")
    lines += [f"#define {upper}_{m.name.upper()}_BYTES {m.nbytes}" for m in interface.members]
    return "\n".join(lines)


def _io(interface: Interface) -> str:
    lines = [f"  const {m.c_type} *{m.name}; /* in: {_described(m)} */" for m in interface.inputs]
    lines += [f"  {m.c_type} *{m.name}; /* out: {_described(m)} */" for m in interface.outputs]
    if interface.threads > 1:
        lines.append(f"  void *pool; /* of {interface.prefix}_pool_start; NULL: one thread */")
    if interface.external:
        lines.append(f"  const void *weights; /* see {interface.prefix}_check_weights */")
    return (
        f"typedef struct {interface.prefix}_io {{\n"
        + "\n".join(lines)
        + (f"\n}} {interface.prefix}_io;")
    )


def _described(member: Member) -> str:
    shape = ", ".join(map(str, member.shape))
    return comment(f"{member.spec.name}, {member.spec.dtype}[{shape}], {member.nbytes} bytes")


def _pool(interface: Interface) -> str:
    p, upper = interface.prefix, interface.upper
    return (
        f"#define {upper}_MAX_THREADS {interface.threads}\n"
        f"#define {upper}_POOL_BYTES {POOL_BYTES}\n"
        f"/* Makes a pool of `threads`, the caller's among them, in {upper}_POOL_BYTES of\n"
        "   memory. They sleep between runs; a run that finds them at work goes on alone. */\n"
        f"int {p}_pool_start(void *pool, int threads);\n"
        "/* How often a thread that waits during a run looks for what comes next before it\n"
        f"   sleeps: {LOOKS} at first, about half a millisecond. 0: none ever spins, and a kernel\n"
        "   begins later by what it takes to wake a thread. */\n"
        f"void {p}_pool_spin(void *pool, int looks);\n"
        "/* Ends and joins its threads; no run may use it any more. */\n"
        f"void {p}_pool_stop(void *pool);"
    )


def _check(interface: Interface) -> str:
    assert interface.weights is not None
    return (
        "/* Whether these bytes are the file of weights that belongs to this library. Map or load\n"
        "   the file once, check it once, and give its address to every run. */\n"
        f"int {interface.prefix}_check_weights(const void *weights, size_t bytes);\n"
        "/* The sha256 that it compares, for those who have hashed the file already:\n"
        f"   {interface.weights.sha256}. */\n"
        f"extern const uint8_t {interface.prefix}_weights_sha256[32];"
    )
