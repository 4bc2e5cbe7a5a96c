"""The command line: ``tvmedge VERB``. One file a verb; this one dispatches.

Verbs are named here as text and imported when they are called, so that
``tvmedge --help`` does not pay for TVM.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError
from cyclopts.exceptions import MissingArgumentError

from tvmedge.cli.interrupts import Interrupts
from tvmedge.cli.native_noise import own_stderr
from tvmedge.errors import ExitCode, TvmEdgeError
from tvmedge.versions import tvmedge_version

log = logging.getLogger(__name__)

INTERRUPTED = "Interrupted; nothing was left half-written."
VERBS = {
    "targets": ("targets:targets", "List the devices that can be compiled for."),
    "inspect": ("inspect:inspect", "Say what a model needs and whether it compiles."),
    "compile": ("compile:compile_", "Compile an ONNX model into one bundle a target."),
    "tune": ("tune:tune", "Search faster schedules of a model's kernels."),
    "records": ("records:app", "Look at tuned schedules, and move them between stores."),
    "run": ("run:run", "Run a bundle here or on a board, and check its results."),
    "profile": ("profile:profile", "Measure a bundle's cold start, latency, memory and energy."),
    "compare": ("compare:compare", "Say whether one profile is faster than another, or chance."),
    "board": ("board:app", "Prepare the files that turn a device into a board."),
    "serve": ("serve:serve", "Lend a rack of boards to clients that are known."),
    "enroll": ("enroll:enroll", "Let a client use a gateway's boards, or no more."),
    "doctor": ("doctor:doctor", "Say what this machine can do and what is missing."),
}


def build_app() -> App:
    """The command line's parser."""
    app = App(
        name="tvmedge",
        help="From an ONNX file to a device: compile, run, check, profile.",
        version=tvmedge_version,
        suppress_keyboard_interrupt=False,  # else an interrupted verb ends without a word
        help_epilogue=(
            "Exit codes: 0 ok, 1 internal error, 2 bad usage or input, 3 a check failed, "
            "4 board or RPC, 5 signature or trust, 6 disk or a missing tool, 130 interrupted."
        ),
    )
    for name, (path, summary) in VERBS.items():
        app.command(f"tvmedge.cli.{path}", name=name, help=summary)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; every outcome becomes a documented exit code."""
    interrupts = Interrupts()
    with own_stderr():
        try:
            with interrupts:
                result = build_app()(
                    arguments, exit_on_error=False, print_error=False, result_action="return_value"
                )
            return int(result or ExitCode.OK)
        except TvmEdgeError as error:
            log.debug("origin of the error", exc_info=True)
            if not interrupts.seen:
                return _fail(str(error), error.exit_code)
        except CycloptsError as error:
            return _fail(_usage(error), ExitCode.USAGE)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            log.debug("internal error", exc_info=True)
            if not interrupts.seen:
                return _fail(
                    f"Internal error ({type(error).__name__}: {str(error)[:200]}): "
                    "this is a bug in tvmedge, run again with -v for its origin.",
                    ExitCode.INTERNAL,
                )
        return _fail(INTERRUPTED, ExitCode.INTERRUPTED)


def program() -> NoReturn:
    """``main`` as a program. After an interrupt it ends at once: what the interpreter would free at
    its end, TVM's objects among them, was left in the middle of something, and may crash."""
    code = main()
    if code == ExitCode.INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _usage(error: CycloptsError) -> str:
    """What is wrong with the words, and where to read on."""
    verb = " ".join(("tvmedge", *(error.command_chain or ())))
    argument = error.argument
    if (
        isinstance(error, MissingArgumentError)
        and argument
        and not (error.keyword or argument.tokens)
    ):
        return f"'{verb}' needs {argument.name}: see '{verb} --help'."
    return f"{error} See '{verb} --help'."


def _fail(message: str, code: ExitCode) -> int:
    print(f"tvmedge: {' '.join(message.split())}", file=sys.stderr)
    return int(code)
