"""``tvmedge board up TARGET...`` and ``tvmedge board pack TARGET -o DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tvmedge.cli.output import Output
from tvmedge.errors import InputError
from tvmedge.targeting import target as find_target
from tvmedge.types import Form

app = App(
    name="board", help="Prepare what runs bundles: emulated boards here, folders for real ones."
)


@app.command
def up(*targets: str, output: Output | None = None) -> None:
    """Bring here what the emulated boards of targets need: QEMU, C libraries, runtimes, servers.

    Parameters
    ----------
    targets
        Names of targets (see 'tvmedge targets').
    """
    output = (output or Output()).start()
    if not targets:
        raise InputError("Name the targets whose boards to bring up, such as hexagon-v67.")
    specs = [find_target(name) for name in targets]

    from tvmedge.boards.up import bring_up

    boards = {}
    for spec in specs:
        report = bring_up(spec)
        boards[spec.name] = {"command": list(report.command), "tried": report.tried}
        output.say(f"{spec.name}: {' '.join(report.command)}")
    output.document("board up", {"boards": boards})


@app.command
def pack(
    target: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    form: Form | None = None,
    extra: Annotated[bool, Parameter(negative=())] = False,
    bundle: Path | None = None,
    output: Output | None = None,
) -> None:
    """Write the folder that a user copies to a board: server, runtime, README.

    Parameters
    ----------
    target
        A target's name (see 'tvmedge targets').
    out
        The folder to write.
    form
        library: our small server alone, for freestanding libraries; vm: TVM's runtime and its
        server; both by default, as far as the target has a runtime.
    extra
        Include TVM's library with sorting and random numbers (1.3 MB), which
        models with TopK, Sort or NonMaxSuppression need.
    bundle
        Of a board that loads no libraries (Hexagon): the bundle whose program to write.
    """
    output = (output or Output()).start()
    spec = find_target(target)
    if bundle is None:
        from tvmedge.device.pack import pack_board

        report = pack_board(spec, out, form=form, extra=extra)
    elif form is not None or extra:
        raise InputError("--bundle takes the program that is in it: leave --form and --extra out.")
    else:
        from tvmedge.boards.pack_program import pack_bundle

        report = pack_bundle(spec, bundle, out)
    for file in report.files:
        output.say(f"{file.size:>9}  {file.path}")
    output.say(f"{report.total:>9}  bytes in {report.folder}")
    if not extra and any(file.path.startswith("lib/") for file in report.files):
        output.say("Left out: sorting and random numbers; --extra adds them (1.3 MB).")
    output.document(
        "board pack",
        {
            "target": target,
            "folder": str(report.folder),
            "bytes": report.total,
            "files": {file.path: file.size for file in report.files},
        },
    )
