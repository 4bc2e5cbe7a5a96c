"""TVM's own RPC server on a free port, which it prints; without the packages its launcher needs.

``[PORT]``: that of a tracker, which is told of the server.
"""

from __future__ import annotations

import socket
import sys

from tvm.rpc.server import _listen_loop

tracker = ("127.0.0.1", int(sys.argv[1])) if sys.argv[1:] else None
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    port = listener.getsockname()[1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    _listen_loop(listener, port, "stock", tracker, None, None)
