"""A session to be killed: ``python -m tests.tuning.killed STORE TRIALS SPEC``; a dot each trial."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from tests.tuning.test_session import CodeSize, Here, tasks_of_products
from tvmedge.records.store import open_store
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.session import How, Limits, Session


def main(place: str, trials: int, spec: TargetSpec) -> None:
    """Tune for code size, going on from what the store has."""

    def listen(event: Event) -> None:
        if isinstance(event, Tried):
            print(".", end="", flush=True)

    with open_store(place, create=True) as store:
        how = How(batch=4, resume=True, limits=Limits(trials, threshold=0.0))
        session = Session(("m", tasks_of_products(spec)), spec, CodeSize(), store, how, listen)
        session.run(Here(), Here())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), pickle.loads(Path(sys.argv[3]).read_bytes()))
