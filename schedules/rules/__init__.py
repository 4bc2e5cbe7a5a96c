"""Schedule rules by kind of processor, tried in the order of their lists."""
