"""Where a record store is: a file of SQLite's, or a database that a team shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tvmedge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import URL

_SECRET = ("password", "passwd", "secret", "token", "key")


@dataclass(frozen=True)
class Place:
    """One of ``file`` and ``url`` is None. As text: what to show, without any password."""

    file: Path | None
    url: URL | None = None

    def __str__(self) -> str:
        if self.url is None:
            return str(self.file)
        hidden = {
            name: "***" if any(part in name.lower() for part in _SECRET) else value
            for name, value in self.url.query.items()
        }
        text = self.url.set(query=hidden).render_as_string(hide_password=True)
        return text.replace("%2A", "*")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no message may hold."""
        if self.url is None:
            return ()
        found = [self.url.password] if isinstance(self.url.password, str) else []
        for name, value in self.url.query.items():
            if any(part in name.lower() for part in _SECRET):
                found += [value] if isinstance(value, str) else list(value)
        return tuple(secret for secret in found if secret)


def default_file() -> Path:
    """``$XDG_DATA_HOME/tvmedge/records.db``, which need not exist."""
    return Path(platformdirs.user_data_dir("tvmedge", appauthor=False)) / "records.db"


def place_of(text: str) -> Place:
    """The place that ``text`` names: a path, or an URL as SQLAlchemy takes it.

    Raises:
        InputError: an URL that cannot be read; its text, which may hold a password, is not shown.
    """
    if "://" not in text:
        return Place(Path(text).expanduser())
    import sqlalchemy

    scheme = text.partition("://")[0]
    try:
        url = sqlalchemy.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise InputError(
            f"The record store's address, which begins with '{scheme[:20]}://', is no URL of the "
            "form postgresql://user:password@host/database: correct it, or give a file's path."
        ) from None
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise InputError("A record store in memory keeps nothing: give a file's path.")
        return Place(Path(url.database))
    if url.drivername == "postgresql":  # psycopg 3, which comes with tvmedge
        url = url.set(drivername="postgresql+psycopg")
    return Place(None, url)
