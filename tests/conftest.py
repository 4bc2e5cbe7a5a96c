"""Fixtures that every test may ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import fetch_models, model_list


@pytest.fixture(scope="session")
def model_path() -> Callable[[str], Path]:
    """``model_path(name)``: a model of scripts/models.toml, fetched when it is not cached.

    A lock in ``fetch`` lets parallel test workers ask for the same one.
    """
    return lambda name: fetch_models.fetch(model_list.find(name))
