"""TVM's own RPC tracker on a free port, which it prints."""

from __future__ import annotations

import socket
import sys

from tvm.rpc.tracker import _tracker_server

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen(4)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    _tracker_server(listener, "stop")
