"""What makes kernels fast: rules, and later the records of tuned schedules."""
