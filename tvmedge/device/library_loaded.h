// The library comes from the host and goes to the dynamic loader.
#pragma once

#include "library.h"
#include "loader.h"

enum { kNameMax = 128 };

static void *find(void *library, const char *prefix, const char *name) {
  char symbol[kNameMax];
  snprintf(symbol, sizeof symbol, "%s_%s", prefix, name);
  return dlsym(library, symbol);
}

// NULL, or why it is not to be had.
static const char *library_open(Library *library, const char *prefix, size_t bytes) {
  void *file = open_library(bytes);
  if (file == NULL) return dlerror();
  *(void **)&library->run = find(file, prefix, "run");
  *(void **)&library->run_profiled = find(file, prefix, "run_profiled");
  *(void **)&library->check = find(file, prefix, "check_weights");
  *(void **)&library->pool_start = find(file, prefix, "pool_start");
  library->kernels = find(file, prefix, "kernels");
  library->tensors[0] = find(file, prefix, "inputs");
  library->tensors[1] = find(file, prefix, "outputs");
  if (library->run != NULL && library->tensors[0] != NULL && library->tensors[1] != NULL) return NULL;
  return "it is no library of tvmedge's";
}
