"""``python -m tvmedge``."""

from tvmedge.cli import program

program()
