"""What ``scripts/bench_cpu.py`` measures and how."""
