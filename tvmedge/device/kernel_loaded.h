// The kernel comes from the host and goes to the dynamic loader.
#pragma once

#include "loader.h"

typedef struct {
  void *library;
  void (*function)(void);
} Code;

// NULL, or why it is not to be had.
static const char *code_open(Code *code, const char *symbol, size_t bytes) {
  void *library = open_library(bytes);
  if (library == NULL) return dlerror();
  code->library = library;
  *(void **)&code->function = dlsym(library, symbol);
  return code->function != NULL ? NULL : "the library has no such function";
}

static void code_close(Code *code) {
  if (code->library != NULL) dlclose(code->library);
}

// Where it lies.
static uint64_t code_base(const Code *code) {
  Dl_info info;
  return dladdr(*(void *const *)&code->function, &info) ? (uintptr_t)info.dli_fbase : 0;
}
