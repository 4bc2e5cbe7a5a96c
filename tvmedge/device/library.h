// What every library's header has, under its own prefix.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name;
  const char *dtype;
  const int64_t *shape;
  int32_t rank;
  size_t bytes;
} Tensor;

typedef struct {
  int (*run)(void *io, void *workspace);
  int (*check)(const void *weights, size_t bytes);  // NULL where there are none
  int (*pool_start)(void *pool, int threads);       // NULL where it runs on one thread
  const Tensor *tensors[2];                         // of inputs, of outputs
} Library;
