"""Fixtures that every test may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts import fetch_models, model_list
from tests.browser import browser as browser  # noqa: PLC0414


@pytest.fixture(scope="session")
def model_path() -> Callable[[str], Path]:
    """``model_path(name)``: a model of scripts/models.toml, fetched when it is not cached.

    A lock in ``fetch`` lets parallel test workers ask for the same one.
    """
    return lambda name: fetch_models.fetch(model_list.find(name))


@pytest.fixture(autouse=True, scope="session")
def no_records_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests compile without the records that whoever runs them has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield
