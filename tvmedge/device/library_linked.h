// The library was linked with the server, as its board loads none: TVMEDGE_PREFIX is its prefix.
#pragma once

#include "library.h"
#include "packets.h"

#define JOINED(prefix, name) prefix##_##name
#define NAMED(prefix, name) JOINED(prefix, name)
#define MODEL(name) NAMED(TVMEDGE_PREFIX, name)
#define TEXT(prefix) #prefix
#define QUOTED(prefix) TEXT(prefix)

int MODEL(run)(void *io, void *workspace);
int MODEL(run_profiled)(void *io, void *workspace, Done done, void *context) __attribute__((weak));
int MODEL(check_weights)(const void *weights, size_t bytes) __attribute__((weak));
int MODEL(pool_start)(void *pool, int threads) __attribute__((weak));
extern const Tensor MODEL(inputs)[], MODEL(outputs)[];

// NULL, or why it is not to be had.
static const char *library_open(Library *library, const char *prefix, size_t bytes) {
  if (bytes != 0) end(kExitSession, "a library that cannot be loaded here");
  if (strcmp(prefix, QUOTED(TVMEDGE_PREFIX)) != 0) return "the server has another library inside";
  *library = (Library){MODEL(run),
                       MODEL(run_profiled),
                       MODEL(check_weights),
                       MODEL(pool_start),
                       {MODEL(inputs), MODEL(outputs)},
                       NULL};
  return NULL;
}
