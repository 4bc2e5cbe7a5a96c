"""A compiled model as a freestanding C library: no runtime, no allocation, no globals written.

program.py what runs, walk.py from Relax, kernels.py to machine code, plan.py where tensors lie,
names.py what they are called in C, header.py and driver.py the C text, link.py the files.
"""
