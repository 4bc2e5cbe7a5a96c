"""What a tuner minimises: cost sources, one a file, behind one interface (source.py)."""
