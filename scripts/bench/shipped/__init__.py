"""What an app ships and pays to run a model: bytes, memory, time to the first result."""
