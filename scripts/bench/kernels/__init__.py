"""Single kernels of ours against what the core can do."""
