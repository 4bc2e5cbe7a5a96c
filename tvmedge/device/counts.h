// What the processor has executed since `counts_restart`, where anybody counts.
#pragma once

#include <stdint.h>

typedef struct {
  uint64_t instructions, packets, vectors;
} Counts;

static inline Counts counts_difference(Counts after, Counts before) {
  return (Counts){after.instructions - before.instructions, after.packets - before.packets,
                  after.vectors - before.vectors};
}

#ifdef __hexagon__
#include "counts_hexagon.h"
#else
#include "counts_plugin.h"
#endif
