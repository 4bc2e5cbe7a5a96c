"""What a board's kernel tells of itself in /sys: clocks, temperatures, throttling, energy."""
