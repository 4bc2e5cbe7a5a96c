// The kernel was linked with the server, as its board loads none: it is TVMEDGE_KERNEL.
#pragma once

#include "packets.h"

#define TEXT(name) #name
#define QUOTED(name) TEXT(name)

void TVMEDGE_KERNEL(void);

typedef struct {
  void (*function)(void);
} Code;

// NULL, or why it is not to be had.
static const char *code_open(Code *code, const char *symbol, size_t bytes) {
  if (bytes != 0) end(kExitSession, "a library that cannot be loaded here");
  if (strcmp(symbol, QUOTED(TVMEDGE_KERNEL)) != 0) return "the server has another kernel inside";
  code->function = TVMEDGE_KERNEL;
  return NULL;
}

static void code_close(Code *code) { code->function = NULL; }

static uint64_t code_base(const Code *code) {
  (void)code;
  return 0;
}
