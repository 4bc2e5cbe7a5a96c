"""What runs on an emulated ARM core, counted in instructions."""
