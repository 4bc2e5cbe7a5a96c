// How much memory processes take that is nobody else's.
#pragma once

#include <stdint.h>

enum { kSharedMost = 256 };

// Memory that several processes have together, and that is to be counted once.
typedef struct {
  unsigned long inodes[kSharedMost];
  int count;
} Shared;

// Of one more process, in KiB: its own, and what it shares without a file. `process` is its number.
int64_t memory_kib(const char *process, Shared *shared);
