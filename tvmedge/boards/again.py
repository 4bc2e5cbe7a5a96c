"""What is tried once more when the way to a board breaks, and what never is.

The rule: a second try is made of what leaves the board as one try does, and of nothing else.

    a look at what is there                                        here
    programs, kept by their hash, from where the first try ended   here (``remote.py``)
    a bundle's files, likewise                                     ``relay/upload.py``
    a place in a gateway's queue, kept by its ticket               ``gateway/ask.py``
    a kernel that is timed, in a session that holds nothing else   ``tuning/costs/pool.py``

A session that was started is never started again by itself: what ran in it may have counted, and
only its user knows. A gateway's lease serves for one session, so that no gateway does it either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tvmedge.errors import BoardError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class WayBrokeError(BoardError):
    """The way to a board was there, and then was not any more."""


def again(job: Callable[[], T]) -> T:
    """``job``, and once more where the way broke; it is one of those that the rule allows.

    Raises:
        WayBrokeError: the way broke twice.
    """
    try:
        return job()
    except WayBrokeError as error:
        _log.warning("%s Trying once more.", error)
        return job()
