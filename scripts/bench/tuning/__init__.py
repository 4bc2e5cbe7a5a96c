"""How well schedules are found: the kernels that are searched, and those who search."""
