// What a fuzzer made up, as this process's stdin.
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// `size` is at most what a pipe holds.
static void give_stdin(const uint8_t *data, size_t size) {
  int ends[2];
  if (pipe(ends) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0) abort();
  if (write(ends[1], data, size) != (ssize_t)size) abort();
  close(ends[1]);
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
}

static inline void silence_stdout(void) {
  int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  close(null);
}
