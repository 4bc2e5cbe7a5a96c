"""``tvmedge records``: look at what was tuned, and move it between stores and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from tvmedge.cli.output import Output
from tvmedge.errors import InputError

if TYPE_CHECKING:
    from tvmedge.records.best import Summary
    from tvmedge.records.store import Store
    from tvmedge.records.types import Record

app = App(name="records", help="Look at tuned schedules, and move them between stores and files.")
app.command(
    "tvmedge.cli.records_replay:replay",
    name="replay",
    help="Build, check and measure stored schedules again, as after an upgrade.",
)
app.command(
    "tvmedge.cli.records_database:database",
    name="database",
    help="Write stored schedules as a database of TVM's MetaSchedule.",
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class InStore:
    """Which store, and what of it."""

    records: str | None = None
    """The record store: a file, or the SQLAlchemy URL of a database. The user's own by default."""
    target: Annotated[str | None, Parameter(name=["--target", "-t"])] = None
    "Only records of this target."
    cost: str | None = None
    "Only records of this cost source, such as 'wall-time local'."

    def open(self, *, create: bool = False) -> Store:
        """The store."""
        from tvmedge.records.place import Place, default_file
        from tvmedge.records.store import open_store

        return open_store(self.records or Place(default_file()), create=create)

    def find(self, store: Store) -> list[Record]:
        """What of it is wanted."""
        from tvmedge.records.store import Wanted

        return store.find(Wanted(target=self.target, cost=self.cost))


@app.command(name="list")
def list_(*, options: InStore | None = None, output: Output | None = None) -> None:
    """List the kernels that were tuned: the best cost found of each, beside the untuned one."""
    output = (output or Output()).start()
    options = options or InStore()

    from tvmedge.records.best import summaries

    with options.open() as store:
        found = summaries(options.find(store))
        for summary in found:
            output.say(_line(summary))
        total = sum(sum(s.tried.values()) for s in found)
        output.say(f"{len(found)} kernels, {total} candidates in {store.place}")
        rows = [_summary_row(summary) for summary in found]
        output.document("records list", {"records": str(store.place), "kernels": rows})


@app.command
def show(kernel: str, /, *, options: InStore | None = None, output: Output | None = None) -> None:
    """Show every candidate of a kernel.

    Parameters
    ----------
    kernel
        Its name, or the first letters of its workload's hash, as 'records list' shows them.
    """
    output = (output or Output()).start()
    options = options or InStore()

    from tvmedge.records.wire import fields_of

    with options.open() as store:
        everything = options.find(store)
        found = [r for r in everything if _is_meant(r, kernel)]
        if not found:
            raise InputError(
                f"There is no record of a kernel '{kernel}' in '{store.place}': 'tvmedge records "
                "list' names them."
            )
        for record in found:
            decisions = " ".join(f"{name}={value}" for name, value in record.decisions)
            output.say(f"{_cost(record)}  {record.rule}  {decisions}  ({_name(record.key.target)})")
        rows = [fields_of(record) for record in found]
        output.document("records show", {"records": str(store.place), "candidates": rows})


@app.command
def export(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("schedules/records"),
    every: Annotated[bool, Parameter(negative=())] = False,
    options: InStore | None = None,
    output: Output | None = None,
) -> None:
    """Write the best record of each kernel to <target>.jsonl, one a line, in one order.

    Parameters
    ----------
    out
        The folder to write.
    every
        Write every candidate, also those that failed.
    """
    output = (output or Output()).start()
    options = options or InStore()

    from tvmedge.records.exchange import export_records

    with options.open() as store:
        files = export_records(options.find(store), out, every=every)
    for file, count in files.items():
        output.say(f"{file}: {count} records")
    if not files:
        output.say("No records to write.")
    counts = {str(file): count for file, count in files.items()}
    output.document("records export", {"files": counts})


@app.command(name="import")
def import_(
    files: Annotated[tuple[Path, ...], Parameter(negative=())],
    /,
    *,
    records: str | None = None,
    output: Output | None = None,
) -> None:
    """Bring records from files into a store, where they are better than what it has.

    Parameters
    ----------
    files
        Files that 'records export' wrote. A line that holds no record is named and left out.
    records
        The record store; the user's own by default. Made when it is missing.
    """
    output = (output or Output()).start()

    from tvmedge.records.exchange import complaint, import_records

    complaints: list[InputError] = []
    rows = []
    with InStore(records=records).open(create=True) as store:
        for file in files:
            read, changed = import_records(store, file)
            output.say(f"{file}: {len(read.records)} records, {changed} of them new or better")
            bad = [{"line": line.number, "why": line.why} for line in read.bad]
            rows.append(
                {
                    "file": str(file),
                    "records": len(read.records),
                    "changed": changed,
                    "bad_lines": bad,
                }
            )
            if error := complaint(file, read):
                complaints.append(error)
        output.document("records import", {"records": str(store.place), "files": rows})
    if complaints:
        raise InputError(" ".join(map(str, complaints)))


@app.command
def merge(
    stores: Annotated[tuple[str, ...], Parameter(negative=())],
    /,
    *,
    records: str | None = None,
    output: Output | None = None,
) -> None:
    """Bring the records of other stores into one, the better of two of one candidate.

    Parameters
    ----------
    stores
        Files or SQLAlchemy URLs to read.
    records
        The store to write; the user's own by default. Made when it is missing.
    """
    output = (output or Output()).start()

    from tvmedge.records.store import open_store

    rows = []
    with InStore(records=records).open(create=True) as into:
        for text in stores:
            with open_store(text) as source:
                found = source.find()
                changed = into.merge(found)
                output.say(f"{source.place}: {len(found)} records, {changed} new or better")
                rows.append({"store": str(source.place), "records": len(found), "changed": changed})
        output.document("records merge", {"records": str(into.place), "stores": rows})


@app.command
def prune(
    *,
    dominated: bool = True,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    options: InStore | None = None,
    output: Output | None = None,
) -> None:
    """Drop records that no longer apply, and those that are not the best of their kernel.

    Parameters
    ----------
    dominated
        --no-dominated keeps those that still apply, from which a search learns.
    dry_run
        Only say what would be dropped.
    """
    output = (output or Output()).start()
    options = options or InStore()

    from tvmedge.records.prune import of_other_machines, prunable
    from tvmedge.scheduling.workload import now

    with options.open() as store:
        found, today = options.find(store), now()
        dropped = prunable(found, today, dominated=dominated)
        gone = [record for group in dropped.values() for record in group]
        if not dry_run:
            store.remove(gone)
        for why, group in sorted(dropped.items()):
            output.say(f"{len(group):>7}  {why}")
        verb = "would be dropped" if dry_run else "dropped"
        output.say(f"{len(gone):>7}  {verb}, {store.count()} in {store.place}")
        lost = set(gone)
        if others := sum(of_other_machines(one, today) for one in found if one not in lost):
            output.say(f"{others:>7}  of them are of another host, or of this one with other cores")
        counts = {why: len(group) for why, group in sorted(dropped.items())}
        document: dict[str, Any] = {"records": str(store.place), "dry_run": dry_run}
        output.document("records prune", {**document, "dropped": counts, "left": store.count()})


def _is_meant(record: Record, kernel: str) -> bool:
    return record.kernel == kernel or (len(kernel) >= 4 and record.key.workload.startswith(kernel))


def _name(target: str) -> str:
    return target.partition(":")[0]


def _cost(record: Record) -> str:
    if record.cost is None:
        return f"{record.status.value} ({record.reason})"
    return f"{record.cost:.4g} {record.unit}"


def _line(summary: Summary) -> str:
    where = f"{_name(summary.key.target)}, {summary.key.cost}"
    tried = sum(summary.tried.values())
    head = f"{summary.key.workload[:8]}  {summary.kernel}  {where}: "
    if summary.best is None:
        return f"{head}none of {tried} candidates was measured and right"
    against = ""
    if summary.untuned:
        against = f", {(summary.best.cost or 0.0) / summary.untuned:.2f} of untuned"
    return f"{head}{_cost(summary.best)}{against}, {tried} candidates"


def _summary_row(summary: Summary) -> dict[str, Any]:
    from tvmedge.records.wire import fields_of

    return {
        "workload": summary.key.workload,
        "kernel": summary.kernel,
        "target": _name(summary.key.target),
        "cost_source": summary.key.cost,
        "untuned": summary.untuned,
        "tried": {status.value: count for status, count in sorted(summary.tried.items())},
        "best": fields_of(summary.best) if summary.best else None,
    }
