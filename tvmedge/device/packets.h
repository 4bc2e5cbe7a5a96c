// What servers of code on a board share. Over stdin and stdout, both ways, a packet is a
// little-endian 64-bit length and then that many bytes; an answer begins with a byte: 0, or 1 and
// a sentence. PROGRAM is what a server calls itself. It needs libc and a way to the host.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// system_open, system_read and system_write: the host; system_ms: time; system_cores.
#ifdef __linux__
#include "system_linux.h"
#else
#include "system_bare.h"
#endif

enum { kExitOk = 0, kExitSession = 4, kExitSetup = 6 };
// A vector of Hexagon's is 128 bytes.
#ifdef __hexagon__
enum { kAlignment = 128 };
#else
enum { kAlignment = 64 };
#endif
static const uint64_t kPacketMax = (uint64_t)1 << 30;

static _Noreturn void end(int code, const char *why) {
  if (why != NULL) fprintf(stderr, PROGRAM ": %s\n", why);
  _exit(code);
}

static void take(void *to, size_t bytes) {
  char *at = to;
  while (bytes > 0) {
    long got = system_read(at, bytes);
    if (got <= 0) end(kExitSession, "the connection ended inside a packet");
    at += got;
    bytes -= (size_t)got;
  }
}

static void give(const void *from, size_t bytes) {
  const char *at = from;
  while (bytes > 0) {
    long put = system_write(at, bytes);
    if (put <= 0) end(kExitSession, "nobody reads the answer");
    at += put;
    bytes -= (size_t)put;
  }
}

static void answer(uint8_t failed, uint64_t bytes) {
  uint64_t length = bytes + 1;
  give(&length, sizeof length);
  give(&failed, 1);
}

static void refuse(const char *why) {
  answer(1, strlen(why));
  give(why, strlen(why));
}

static void *memory(size_t bytes) {
  size_t whole = (bytes / kAlignment + 1) * kAlignment;
  void *made = aligned_alloc(kAlignment, whole);
  if (made == NULL) end(kExitSetup, "out of memory");
  return memset(made, 0, whole);
}

static void start(void) {
  const char *wrong = system_open();
  if (wrong != NULL) end(kExitSetup, wrong);
  static const char ready[] = "tvmedge-server 1\n";
  give(ready, sizeof ready - 1);
}

// The length of the next packet without its first byte, which goes to `what`; ends the server
// where there is none.
static uint64_t next(uint8_t *what) {
  uint64_t length;
  long first = system_read(&length, 1);
  if (first == 0) _exit(kExitOk);
  if (first < 0) end(kExitSession, "cannot read");
  take((char *)&length + 1, sizeof length - 1);
  if (length == 0 || length > kPacketMax) end(kExitSession, "a packet of an impossible size");
  take(what, 1);
  return length - 1;
}

// The bytes of a name that ends with a line feed, within `left`.
static void take_name(char *name, int most, uint64_t *left) {
  for (int i = 0;; i++) {
    if (i == most || *left == 0) end(kExitSession, "a name without end");
    take(&name[i], 1);
    (*left)--;
    if (name[i] == '\n') {
      name[i] = 0;
      return;
    }
  }
}
