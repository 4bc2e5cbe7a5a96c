// What servers of code on a board share. Over stdin and stdout, both ways, a packet is a
// little-endian 64-bit length and then that many bytes; an answer begins with a byte: 0, or 1 and
// a sentence. PROGRAM is what a server calls itself. It needs libc and a dynamic loader.
#pragma once

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kExitOk = 0, kExitSession = 4, kExitSetup = 6 };
enum { kAlignment = 64 };
static const uint64_t kPacketMax = (uint64_t)1 << 30;

static _Noreturn void end(int code, const char *why) {
  if (why != NULL) fprintf(stderr, PROGRAM ": %s\n", why);
  _exit(code);
}

static void take(void *to, size_t bytes) {
  char *at = to;
  while (bytes > 0) {
    ssize_t got = read(0, at, bytes);
    if (got <= 0) end(kExitSession, "the connection ended inside a packet");
    at += got;
    bytes -= (size_t)got;
  }
}

static int out;

static void give(const void *from, size_t bytes) {
  const char *at = from;
  while (bytes > 0) {
    ssize_t put = write(out, at, bytes);
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
  void *made = NULL;
  if (posix_memalign(&made, kAlignment, bytes + kAlignment) != 0) end(kExitSetup, "out of memory");
  return memset(made, 0, bytes + kAlignment);
}

// A dynamic loader takes files only; this one is gone as soon as it is loaded.
static void *open_library(size_t bytes) {
  const char *folder = getenv("TMPDIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/tvmedge-model-XXXXXX", folder != NULL ? folder : "/tmp");
  char *content = memory(bytes);
  take(content, bytes);
  int file = mkstemp(path);
  if (file < 0) end(kExitSetup, "cannot write the library into TMPDIR");
  for (size_t done = 0; done < bytes;) {
    ssize_t put = write(file, content + done, bytes - done);
    if (put <= 0) {
      unlink(path);
      end(kExitSetup, "no space for the library in TMPDIR");
    }
    done += (size_t)put;
  }
  close(file);
  free(content);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  unlink(path);
  return library;
}

static double milliseconds(struct timespec from, struct timespec to) {
  return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

// What a library might print must not reach the answers.
static void start(void) {
  out = dup(1);
  if (out < 0 || dup2(2, 1) < 0) end(kExitSetup, "cannot set up its output");
  static const char ready[] = "tvmedge-server 1\n";
  give(ready, sizeof ready - 1);
}

// The length of the next packet without its first byte, which goes to `what`; ends the server
// where there is none.
static uint64_t next(uint8_t *what) {
  uint64_t length;
  ssize_t first = read(0, &length, 1);
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
