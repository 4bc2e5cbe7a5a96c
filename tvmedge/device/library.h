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

// Hears of every kernel that has run.
typedef void (*Done)(void *context, int call, const char *kernel);

typedef struct {
  int (*run)(void *io, void *workspace);
  int (*run_profiled)(void *io, void *workspace, Done done, void *context);  // or NULL
  int (*check)(const void *weights, size_t bytes);  // NULL where there are none
  int (*pool_start)(void *pool, int threads);       // NULL where it runs on one thread
  const Tensor *tensors[2];                         // of inputs, of outputs
  const char *kernels;  // names in the order of the calls, each with its NUL, then one more; or NULL
} Library;
