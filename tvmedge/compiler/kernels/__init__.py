"""What kernels compute, as tensor expressions; ``schedules`` decides how."""
