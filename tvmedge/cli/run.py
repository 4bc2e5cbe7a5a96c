"""``tvmedge run BUNDLE``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.cli.board_options import BoardOptions
from tvmedge.cli.output import Output
from tvmedge.cli.packets import counts_document, say_counts
from tvmedge.errors import ExitCode, InputError
from tvmedge.tensors import Channels, ImageOptions, Layout, Resize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tvmedge.boards.address import BoardAddress
    from tvmedge.boards.check import CheckReport
    from tvmedge.boards.run import RunReport


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What goes in and out."""

    input: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "NAME=FILE.npy, NAME=FILE.npz, NAME=image, FILE where there is one input, or 'random'."
    output: Path | None = None
    "The .npz that receives the outputs under their original names."
    check: Annotated[bool, Parameter(negative=())] = False
    "Compare with the bundle's own reference; exit code 3 when it differs."
    seed: int = 0
    "Seed of random inputs."


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ImageFlags:
    """How an image becomes an input: (pixel * scale - mean) / std."""

    resize: Resize = Resize.STRETCH
    "stretch, crop (fill and cut) or pad (letterbox)."
    mean: Annotated[tuple[float, ...], Parameter(negative=())] = (0.0,)
    "One value, or one a channel."
    std: Annotated[tuple[float, ...], Parameter(negative=())] = (1.0,)
    "One value, or one a channel."
    scale: float = 1 / 255
    "Factor of the pixels, which are 0 to 255."
    channels: Channels = Channels.RGB
    "rgb, bgr or gray."
    layout: Layout = Layout.AUTO
    "auto, nchw or nhwc."

    def options(self) -> ImageOptions:
        """The same as the stage takes it."""
        return ImageOptions(
            resize=self.resize,
            mean=self.mean,
            std=self.std,
            scale=self.scale,
            channels=self.channels,
            layout=self.layout,
        )


def run(
    bundle: Path,
    /,
    *,
    options: Options | None = None,
    image: ImageFlags | None = None,
    board: BoardOptions | None = None,
    output: Output | None = None,
) -> int:
    """Run a bundle here, on a board or on several, and check its results.

    Parameters
    ----------
    bundle
        The bundle's file.
    """
    output = (output or Output()).start()
    options, board = options or Options(), board or BoardOptions()

    from tvmedge.boards.run import RunRequest, run_bundle

    request = RunRequest(
        inputs=options.input,
        output=options.output,
        check=options.check,
        image=(image or ImageFlags()).options(),
        seed=options.seed,
    )
    boards, session = board.addresses(), board.session()
    if len(boards) == 1:
        report = run_bundle(bundle, request, boards[0], session)
        output.document("run", _said(output, bundle, str(boards[0]), report))
        if options.output:
            output.say(f"written: {options.output}")
        return _code(report)
    if options.output:
        raise InputError("--output takes the results of one board: run them one after the other.")
    return _run_all(output, bundle, boards, lambda one: run_bundle(bundle, request, one, session))


def _run_all(
    output: Output,
    bundle: Path,
    boards: tuple[BoardAddress, ...],
    job: Callable[[BoardAddress], RunReport],
) -> int:
    from tvmedge.boards.many import on_boards
    from tvmedge.cli.boards_screen import BoardsScreen, say_each

    def tell(name: str, report: RunReport) -> tuple[int, dict[str, Any]]:
        output.say(f"{name}:")
        return _code(report), _said(output, bundle, name, report)

    with BoardsScreen(boards, _brief, output.say) as screen:
        outcomes = on_boards(boards, job, screen)
    code, documents = say_each(output, outcomes, tell)
    output.document("run", {"bundle": str(bundle), "boards": documents})
    return code


def _brief(report: RunReport) -> str:
    if report.check is None:
        return "done"
    return "check passed" if report.check.ok else "check FAILED"


def _code(report: RunReport) -> int:
    return ExitCode.CHECK if report.check and not report.check.ok else ExitCode.OK


def _said(output: Output, bundle: Path, board: str, report: RunReport) -> dict[str, Any]:
    """Lines for people; the same as JSON."""
    from tvmedge.profiling.traffic import traffic_said

    for name, array in (report.outputs or {}).items():
        output.say(f"{name}: {'x'.join(map(str, array.shape)) or 'scalar'} {array.dtype}")
    if report.check:
        say_check(output, report.check)
    said = traffic_said(report.bundle.manifest.code, report.traffic)
    if said:
        output.say(said)
    if report.counts:
        say_counts(output, report.counts)
    document: dict[str, Any] = {"bundle": str(bundle), "board": board}
    document["packets"] = counts_document(report.counts) if report.counts else None
    document["gpu_traffic"] = asdict(report.traffic) if report.traffic else None
    document["outputs"] = [
        {"name": name, "shape": list(array.shape), "dtype": array.dtype.name}
        for name, array in (report.outputs or {}).items()
    ]
    document["check"] = check_document(report.check) if report.check else None
    return document


def say_check(output: Output, report: CheckReport) -> None:
    """One line: passed or not, how close, against what."""
    output.say(
        f"check {'passed' if report.ok else 'FAILED'}: max-normalised error {report.error:.3g} "
        f"(allowed {report.tolerance:g}) against {report.reference}"
    )


def check_document(report: CheckReport) -> dict[str, Any]:
    """The check as JSON; an infinite error becomes null."""
    finite = {o.name: o.error if o.error < float("inf") else None for o in report.outputs}
    return {
        "ok": report.ok,
        "error": report.error if report.error < float("inf") else None,
        "tolerance": report.tolerance,
        "reference": report.reference,
        "outputs": finite,
    }
