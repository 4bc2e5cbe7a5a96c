"""The tuner: searches schedules of a model's kernels by what they cost."""
