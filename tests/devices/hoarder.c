// Takes N MiB of memory in some way that is not the usual one, keeps it for a while, and ends well.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 3;
}

int main(int count, char **words) {
  const char *how = count > 2 ? words[1] : "";
  size_t bytes = count > 2 ? (size_t)atol(words[2]) << 20 : 0;
  int anonymous = MAP_ANONYMOUS | (strcmp(how, "own") == 0 ? MAP_PRIVATE : MAP_SHARED);
  if (strcmp(how, "memfd") == 0) return memfd_create("x", 0) < 0 ? fail(how) : 0;
  if (strcmp(how, "systemv") == 0) return shmget(IPC_PRIVATE, bytes, 0600) < 0 ? fail(how) : 0;
  if (strcmp(how, "queue") == 0) return msgget(IPC_PRIVATE, 0600) < 0 ? fail(how) : 0;
  if (strcmp(how, "semaphores") == 0) return semget(IPC_PRIVATE, 9, 0600) < 0 ? fail(how) : 0;
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, anonymous, -1, 0);
  if (memory == MAP_FAILED) return fail(how);
  memset(memory, 1, bytes);
  if (strcmp(how, "shed") == 0) madvise(memory, bytes, MADV_DONTNEED);
  if (strcmp(how, "kept") == 0) munmap(memory + 4096, bytes - 4096);
  if (strcmp(how, "forked") == 0) {
    for (int i = 0; i < 3; i++) {
      if (fork() == 0) {
        memset(memory, 2, bytes);
        sleep(1);
        _exit(0);
      }
    }
    while (wait(NULL) > 0) continue;
    return 0;
  }
  sleep(5);
  return 0;
}
