// A library with tvmedge's interface that copies its input, or does what its first element says.
#include <stddef.h>
#include <stdint.h>

enum { kSize = 16 };

typedef struct {
  const char *name, *dtype;
  const int64_t *shape;
  int32_t rank;
  size_t bytes;
} tensor;

const tensor trouble_inputs[] = {{"input/x:0", "float32", (const int64_t[]){kSize}, 1, 64}};
const tensor trouble_outputs[] = {{"output/y:0", "float32", (const int64_t[]){kSize}, 1, 64}};

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
  for (int i = 0; i < kSize; i++) y[i] = x[i];
  if (done) done(context, 1, trouble_kernels + 6);
  return 0;
}

int trouble_run(void **io, void *workspace) { return trouble_run_profiled(io, workspace, NULL, NULL); }
