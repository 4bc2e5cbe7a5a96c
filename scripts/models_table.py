"""The report on real models as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TARGETS = ("host", "raspberry-pi-4b")
OURS = "tvmedge"


def markdown(report: dict[str, Any]) -> str:
    measured_on = report["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in measured_on["packages"].items())
    repetitions = next(iter(report["start_up_ms"].values()))["repetitions"]
    lines = [
        "# Models through tvmedge",
        "",
        f"`{report['command']}` on {measured_on['cpu']}, Python {measured_on['python']}, "
        f"{measured_on['qemu']}; {versions}.",
        "Errors are max-normalised against onnxruntime, on an input as the model is made for, and",
        "on noise (in parentheses where onnxruntime is as far from itself without its",
        "optimisations); the Pi is emulated. *Allowed* is the tolerance of the model's precision:",
        "0.1 where activations are quantised (`tvmedge/model/tolerance.py`). *Import* is from file",
        "to Relax, preparation included; *ours* the part of its processor time in tvmedge's own",
        "code, the rest the ONNX libraries' and TVM's importer's (`scripts/import_times.py`).",
        "",
        _passed(report["models"]),
        "",
        "| model | import s (ours) | compile s host / Pi | bundle MB (code, weights) host "
        "| bundle MB (code, weights) Pi | allowed | error host | on noise | error Pi |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(line, report["models"]),
        "",
        f"Start-up in ms, median of {repetitions} fresh processes (min to max):",
        "",
        *(
            f"- {name}: {value['median']:.0f} ({value['min']:.0f} to {value['max']:.0f})"
            for name, value in report["start_up_ms"].items()
        ),
        "",
        f"The wheel has {report['wheel_bytes'] / 1e3:.0f} KB, the board folder "
        f"{report['board']['folder']['bytes'] / 1e6:.2f} MB "
        f"({report['board']['folder --extra']['bytes'] / 1e6:.2f} with the sorting library).",
        "",
        "| board server | start to first line ms | session through the relay ms | small call us |",
        "|---|---|---|---|",
        *(
            f"| {name} | {server['start_ms']} | {server['session_through_relay_ms']} "
            f"| {server['call_through_relay_us']} |"
            for name, server in report["board"]["servers"].items()
        ),
    ]
    return "\n".join(lines) + "\n"


def line(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"| {row['name']} | refused: {row['refused']} | | | | | | | |"
    by = row["targets"]
    cells: Iterable[str] = (
        row["name"],
        _import_cell(row["import"]),
        " / ".join(f"{by[t]['compile_seconds']:.1f}" for t in TARGETS),
        *(_sizes(by[t]) for t in TARGETS),
        _allowed(by["host"]["check"]),
        _error(by["host"]["check"]),
        _noise(row["noise"], by["host"]["check"]),
        _error(by["raspberry-pi-4b"]["check"]),
    )
    return f"| {' | '.join(cells)} |"


def _passed(rows: list[dict[str, Any]]) -> str:
    taken = [row for row in rows if "targets" in row]
    counts = {
        target: sum(_is_right(row["targets"][target]["check"]) for row in taken)
        for target in TARGETS
    }
    return (
        f"{len(rows)} models measured: {counts['host']} right here, "
        f"{counts['raspberry-pi-4b']} on the Pi, {len(rows) - len(taken)} refused."
    )


def _is_right(check: dict[str, Any] | str) -> bool:
    return isinstance(check, dict) and bool(check["ok"])


def _import_cell(times: dict[str, Any]) -> str:
    return f"{times['seconds']:.2f} ({times['shares'].get(OURS, 0):.0%})"


def _allowed(check: dict[str, Any] | str) -> str:
    return "" if isinstance(check, str) else f"{check['tolerance']:g}"


def _noise(noise: dict[str, Any], check: dict[str, Any] | str) -> str:
    if "failed" in noise or isinstance(check, str):
        return f"**{noise.get('failed', '')}**"
    text = f"{noise['error']:.1e}"
    if noise["error"] <= check["tolerance"]:
        return text
    return f"({text})" if noise["error"] <= noise["onnxruntime_spread"] else f"**{text}**"


def _sizes(target: dict[str, Any]) -> str:
    code, weights = target["code_bytes"], target["weights_bytes"]
    return f"{target['bundle_bytes'] / 1e6:.2f} ({code / 1e6:.2f}, {weights / 1e6:.2f})"


def _error(check: dict[str, Any] | str) -> str:
    if isinstance(check, str):
        return f"**{check}**"
    error = "inf" if check["error"] is None else f"{check['error']:.1e}"
    return error if check["ok"] else f"**{error}**"
