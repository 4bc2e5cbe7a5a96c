"""The client's end of a gateway: ask for a board, wait for it, speak with a session on it."""
