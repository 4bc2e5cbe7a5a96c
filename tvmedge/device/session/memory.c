#include "memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kLine = 512 };

static int64_t own_kib(const char *process) {
  char path[64];
  long resident = 0, shared = 0;
  snprintf(path, sizeof path, "/proc/%.20s/statm", process);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  if (fscanf(file, "%*d %ld %ld", &resident, &shared) != 2) resident = shared = 0;
  fclose(file);
  return (int64_t)(resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

// Whether it was not counted yet; what there is no room to remember counts each time.
static int is_new(Shared *shared, unsigned long inode) {
  for (int i = 0; i < shared->count; i++) {
    if (shared->inodes[i] == inode) return 0;
  }
  if (shared->count < kSharedMost) shared->inodes[shared->count++] = inode;
  return 1;
}

// The pages behind a mapping, whether this process has touched them or not: they stay as long as
// anybody maps any of them. Who may not see them takes the mapping's size.
static int64_t behind_kib(const char *process, unsigned long start, unsigned long end) {
  char path[96];
  struct stat info;
  snprintf(path, sizeof path, "/proc/%.20s/map_files/%lx-%lx", process, start, end);
  return stat(path, &info) == 0 ? (int64_t)info.st_blocks / 2 : (int64_t)((end - start) >> 10);
}

int64_t memory_kib(const char *process, Shared *shared) {
  char path[64], line[kLine], kinds[5];
  unsigned long start, end, inode;
  int64_t kib = own_kib(process);
  snprintf(path, sizeof path, "/proc/%.20s/maps", process);
  FILE *file = fopen(path, "re");
  if (file == NULL) return kib;
  while (fgets(line, sizeof line, file) != NULL) {
    int name = 0;
    if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu %n", &start, &end, kinds, &inode, &name) < 4) {
      continue;
    }
    // What shared memory is called that is no file and no device; its inode is its own.
    int none = strncmp(line + name, "/dev/zero (deleted)", 19) == 0 ||
               strncmp(line + name, "/memfd:", 7) == 0 || strncmp(line + name, "/SYSV", 5) == 0;
    if (kinds[3] == 's' && none && is_new(shared, inode)) kib += behind_kib(process, start, end);
  }
  fclose(file);
  return kib;
}
