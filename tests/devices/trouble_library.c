// A library with tvmedge's interface that copies its input, or does what its first element says.
#include <stddef.h>
#include <stdint.h>
#ifdef __linux__
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#endif

enum { kSize = 16 };

typedef struct {
  const char *name, *dtype;
  const int64_t *shape;
  int32_t rank;
  size_t bytes;
} tensor;

const tensor trouble_inputs[] = {{"input/x:0", "float32", (const int64_t[]){kSize}, 1, 64}};
const tensor trouble_outputs[] = {{"output/y:0", "float32", (const int64_t[]){kSize}, 1, 64}};

#ifdef __linux__
// What a board has to survive: 5 allocates without end, 6 fills the disk, 7 forks without end.
static void misbehave(int how) {
  static char page[1 << 16];
  int file = how == 6 ? open("/tmp/full", O_WRONLY | O_CREAT, 0600) : -1;
  for (void *volatile more; how == 5;) memset(more = malloc(1 << 20), 1, 1 << 20);
  while (how == 6) {
    if (write(file, page, sizeof page) <= 0) _exit(1);
  }
  while (how == 7) {
    if (fork() == 0) pause();  // QEMU has trouble with children that fork too
  }
}
#else
static void misbehave(int how) { (void)how; }
#endif

typedef void (*trouble_done)(void *context, int call, const char *kernel);

const char trouble_kernels[] = "first\0second\0";

int trouble_run_profiled(void **io, void *workspace, trouble_done done, void *context) {
  const float *x = io[0];
  float *y = io[1];
  (void)workspace;
  if (done) done(context, 0, trouble_kernels);
  if (x[0] == 1) __builtin_trap();
  if (x[0] == 2) *(volatile int *)0xfffffff0 = 1;  // of no board
  while (x[0] == 3) *(volatile float *)y = 1;
  if (x[0] == 4) return 2;
  if (x[0] >= 5 && x[0] <= 7) misbehave((int)x[0]);
  for (int i = 0; i < kSize; i++) y[i] = x[i];
  if (done) done(context, 1, trouble_kernels + 6);
  return 0;
}

int trouble_run(void **io, void *workspace) { return trouble_run_profiled(io, workspace, NULL, NULL); }
