// Code from the host for a dynamic loader.
#pragma once

#include <dlfcn.h>

#include "packets.h"

// A dynamic loader takes files only; this one is gone as soon as it is loaded. Of no bytes: the
// file that was sent before.
static void *open_library(size_t bytes) {
  if (bytes == 0 && sent_file(0) >= 0) {
    char sent[kSentPath];
    sent_path(sent_file(0), sent);
    return dlopen(sent, RTLD_NOW | RTLD_LOCAL);
  }
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
