"""What kernels compute, as tensor expressions; ``schedules`` decides how."""

# What AnnotateTIROpPattern calls a sum whose elementwise consumers may join it.
OUT_ELEMWISE_FUSABLE = 4
# What it calls a kernel of which each element follows from the same element of its arguments.
ELEMWISE = 0
# What it calls one of which some arguments have one element along an axis.
BROADCAST = 1
# What it calls a kernel that nothing joins.
OPAQUE = 8
