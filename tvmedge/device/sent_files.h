// Files that the host sent before this program started: its session hashed them (session/files.h).
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { kSentPath = 32 };

// The descriptor of file number `index`, -1 where there is none.
static inline int sent_file(int index) {
  const char *at = getenv("TVMEDGE_FILES");
  for (; at != NULL && index > 0; index--) {
    at = strchr(at, ',');
    if (at != NULL) at++;
  }
  return at == NULL ? -1 : atoi(at);
}

static inline int sent_files(void) {
  int count = 0;
  while (sent_file(count) >= 0) count++;
  return count;
}

// A path by which a dynamic loader finds the file.
static inline void sent_path(int file, char path[kSentPath]) {
  snprintf(path, kSentPath, "/proc/self/fd/%d", file);
}

// The content of a file, which stays as long as the program; NULL where it cannot be mapped.
static inline const void *sent_content(int index, size_t *bytes) {
  struct stat info;
  int file = sent_file(index);
  if (file < 0 || fstat(file, &info) != 0 || info.st_size <= 0) return NULL;
  *bytes = (size_t)info.st_size;
  void *content = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, file, 0);
  return content == MAP_FAILED ? NULL : content;
}
