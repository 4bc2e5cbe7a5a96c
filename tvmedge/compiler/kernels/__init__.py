"""What kernels compute, as tensor expressions; ``schedules`` decides how."""

# What AnnotateTIROpPattern calls a sum whose elementwise consumers may join it.
OUT_ELEMWISE_FUSABLE = 4
