"""The text of ``main.c``: the library called from C, as short as that can be."""

from __future__ import annotations

from tvmedge.compiler.library.interface import Interface


def example(interface: Interface) -> str:
    """A program: ``main [weights.safetensors] INPUT.bin... > outputs.bin``, raw tensors in the
    header's order."""
    p, upper = interface.prefix, interface.upper
    lines = [
        "// Reads raw inputs from files, runs the model once, writes raw outputs to stdout.",
        f'#include "{p}.h"',
        "",
        "#include <stdio.h>",
        "",
        f"#define ALIGNED _Alignas({upper}_ALIGNMENT) static unsigned char",
        "",
    ]
    buffers = [(m.name, f"{upper}_{m.name.upper()}_BYTES") for m in interface.members]
    lines += [f"ALIGNED {name}_memory[{size} + 1];" for name, size in buffers]
    if interface.external:
        lines.append(f"ALIGNED weights_memory[{upper}_WEIGHTS_BYTES];  // or map the file")
    lines += [
        f"ALIGNED workspace[{upper}_WORKSPACE_BYTES];",
        "",
        "static int load(const char *path, void *to, size_t bytes) {",
        '  FILE *file = path ? fopen(path, "rb") : NULL;',
        "  size_t got = file ? fread(to, 1, bytes, file) : 0;",
        "  if (file) fclose(file);",
        "  if (got == bytes) return 1;",
        '  fprintf(stderr, "cannot read %s\\n", path ? path : "an input");',
        "  return 0;",
        "}",
        "",
        "int main(int count, char **arguments) {",
        "  char **next = arguments + (count > 0);",
    ]
    if interface.external:
        lines += [
            f"  if (!load(*next++, weights_memory, {upper}_WEIGHTS_BYTES)) return 1;",
            f"  int wrong = {p}_check_weights(weights_memory, {upper}_WEIGHTS_BYTES);",
            "  if (wrong) return wrong;",
        ]
    for member in interface.inputs:
        size = f"{upper}_{member.name.upper()}_BYTES"
        lines.append(f"  if (!load(*next++, {member.name}_memory, {size})) return 1;")
    lines.append(f"  {p}_io io = {{")
    lines += [
        f"    .{m.name} = ({'const ' if m in interface.inputs else ''}{m.c_type} *){m.name}_memory,"
        for m in interface.members
    ]
    if interface.external:
        lines.append("    .weights = weights_memory,")
    lines += ["  };", f"  int code = {p}_run(&io, workspace);", "  if (code) return code;"]
    for member in interface.outputs:
        size = f"{upper}_{member.name.upper()}_BYTES"
        lines.append(f"  fwrite({member.name}_memory, 1, {size}, stdout);")
    lines += ["  return 0;", "}"]
    return "\n".join(lines) + "\n"
