"""A model of the list as Relax, with its inputs as the list has them."""

from __future__ import annotations

from pathlib import Path

from scripts.model_list import ModelEntry
from tvmedge.model.importer import ImportedModel, import_model
from tvmedge.model.inputs import GivenInputs, parse_inputs
from tvmedge.model.load import load
from tvmedge.model.prepare.bind_values import bind_values


def given_inputs(entry: ModelEntry) -> GivenInputs:
    """The shapes and values of the list, as ``--input`` would give them."""
    return parse_inputs(flag.removeprefix("--input=") for flag in entry.flags())


def imported(entry: ModelEntry, path: Path) -> ImportedModel:
    """The model of ``entry``, which is at ``path``."""
    given = given_inputs(entry)
    return import_model(bind_values(load(path), given.values), given.shapes)
