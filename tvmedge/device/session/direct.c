#include "direct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_pipe(int end) {
  struct stat info;
  return end > 2 && fstat(end, &info) == 0 && S_ISFIFO(info.st_mode);
}

int direct_find(int ends[kDirectEnds]) {
  const char *named = getenv("TVMEDGE_DIRECT");
  char rest;
  if (named == NULL) return 0;
  int count = sscanf(named, "%d,%d%c", &ends[0], &ends[1], &rest);
  if (count == kDirectEnds && is_pipe(ends[0]) && is_pipe(ends[1])) return kDirectEnds;
  errno = EBADF;
  return -1;
}
