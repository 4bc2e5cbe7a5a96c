// Requests to the server of freestanding libraries, linked with a small one.
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "input.h"

enum { kBlocks = 4096, kLargest = 1 << 20 };

static jmp_buf ended;
static void *blocks[kBlocks];
static int count;

static _Noreturn void leave(int code) {
  (void)code;
  longjmp(ended, 1);
}

static void *allocate(size_t alignment, size_t bytes) {
  if (bytes > kLargest || count == kBlocks) return NULL;
  return blocks[count++] = aligned_alloc(alignment, bytes);
}

static void release(void *block) {
  for (int i = 0; i < count; i++) {
    if (blocks[i] == block) blocks[i] = NULL;
  }
  free(block);
}

#define _exit leave
#define aligned_alloc allocate
#define free release
#define main serve
#include "library_server.c"
#undef main
#undef free

static const int64_t shape[] = {4};
// As many as a request may name: whoever sends a library may as well lie about its tables.
const Tensor fuzz_inputs[] = {[0 ... kTensorsMax] = {"x", "float32", shape, 1, 16}};
const Tensor fuzz_outputs[] = {[0 ... kTensorsMax] = {"y", "float32", shape, 1, 16}};

int fuzz_run(void *io, void *workspace) {
  (void)io, (void)workspace;
  return 0;
}

int fuzz_run_profiled(void *io, void *workspace, Done done, void *context) {
  int code = fuzz_run(io, workspace);
  done(context, 0, "copy");
  return code;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  int null = open("/dev/null", O_WRONLY);
  stderr = fdopen(null, "w");
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 16) return 0;
  give_stdin(data, size);
  silence_stdout();
  if (setjmp(ended) == 0) serve();
  close(out);
  for (int i = 0; i < count; i++) free(blocks[i]);
  count = 0;
  return 0;
}
