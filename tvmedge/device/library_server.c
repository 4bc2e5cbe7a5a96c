// Runs freestanding libraries on a board: load, weights, run, time. Over stdin and stdout, both
// ways, a packet is a little-endian 64-bit length and then that many bytes.
//
//   'L' inputs:u16 outputs:u16 pool:u16 workspace:u64 prefix '\n' library    load this library,
//                                          whose io has a pool of threads (left NULL) or not
//   'W' weights                                                     give it its weights
//   'R' inputs, one after the other                                 run; answered by the outputs
//   'T' repetitions:u32                                             run so often; ms of each, f64
//
// An answer begins with a byte: 0, or 1 and a sentence. It needs libc and a dynamic loader.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kExitOk = 0, kExitSession = 4, kExitSetup = 6 };
enum { kAlignment = 64, kPrefixMax = 64, kTensorsMax = 1024, kRepetitionsMax = 1000000 };
static const uint64_t kPacketMax = (uint64_t)1 << 30;

// The same in every library's header, under its own prefix.
typedef struct {
  const char *name;
  const char *dtype;
  const int64_t *shape;
  int32_t rank;
  size_t bytes;
} Tensor;

typedef struct {
  int inputs, outputs, pool;
  const Tensor *tensors[2];             // of inputs, of outputs
  void *io[kTensorsMax + 2];            // inputs, outputs, pool, weights
  void *workspace;
  int (*run)(void *io, void *workspace);
  int (*check)(const void *weights, size_t bytes);  // NULL where there are none
} Model;

static _Noreturn void end(int code, const char *why) {
  if (why != NULL) fprintf(stderr, "tvmedge-library-server: %s\n", why);
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

static void *find(void *library, const char *prefix, const char *name) {
  char symbol[kPrefixMax + 32];
  snprintf(symbol, sizeof symbol, "%s_%s", prefix, name);
  return dlsym(library, symbol);
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

static void load(Model *model, uint64_t left) {
  uint16_t counts[3];
  uint64_t workspace;
  char prefix[kPrefixMax + 1] = {0};
  if (left < sizeof counts + sizeof workspace) end(kExitSession, "a packet too short");
  take(counts, sizeof counts);
  take(&workspace, sizeof workspace);
  left -= sizeof counts + sizeof workspace;
  for (int i = 0;; i++) {
    if (i == kPrefixMax || left == 0) end(kExitSession, "a prefix without end");
    take(&prefix[i], 1);
    left--;
    if (prefix[i] == '\n') {
      prefix[i] = 0;
      break;
    }
  }
  if (counts[0] + counts[1] > kTensorsMax || counts[2] > 1 || workspace > kPacketMax * 16) {
    end(kExitSession, "a model too large");
  }
  void *library = open_library(left);
  if (library == NULL) {
    refuse(dlerror());
    return;
  }
  *(void **)&model->run = find(library, prefix, "run");
  *(void **)&model->check = find(library, prefix, "check_weights");
  model->inputs = counts[0];
  model->outputs = counts[1];
  model->pool = counts[2];
  model->tensors[0] = find(library, prefix, "inputs");
  model->tensors[1] = find(library, prefix, "outputs");
  if (model->run == NULL || model->tensors[0] == NULL || model->tensors[1] == NULL) {
    model->run = NULL;
    refuse("it is no library of tvmedge's");
    return;
  }
  for (int i = 0; i < model->inputs; i++) model->io[i] = memory(model->tensors[0][i].bytes);
  for (int i = 0; i < model->outputs; i++) {
    model->io[model->inputs + i] = memory(model->tensors[1][i].bytes);
  }
  model->workspace = memory(workspace);
  answer(0, 0);
}

static void set_weights(Model *model, uint64_t bytes) {
  void *weights = memory(bytes);
  take(weights, bytes);
  if (model->check == NULL || model->check(weights, bytes) != 0) {
    refuse("the weights are not those the library was made for");
    return;
  }
  model->io[model->inputs + model->outputs + model->pool] = weights;
  answer(0, 0);
}

static void run_once(Model *model, uint64_t left) {
  for (int i = 0; i < model->inputs; i++) {
    size_t bytes = model->tensors[0][i].bytes;
    if (bytes > left) end(kExitSession, "inputs of another size");
    take(model->io[i], bytes);
    left -= bytes;
  }
  if (left != 0) end(kExitSession, "inputs of another size");
  if (model->run(model->io, model->workspace) != 0) {
    refuse("the library refused its arguments");
    return;
  }
  uint64_t total = 0;
  for (int i = 0; i < model->outputs; i++) total += model->tensors[1][i].bytes;
  answer(0, total);
  for (int i = 0; i < model->outputs; i++) {
    give(model->io[model->inputs + i], model->tensors[1][i].bytes);
  }
}

static void time_runs(Model *model, uint64_t left) {
  uint32_t count;
  if (left != sizeof count) end(kExitSession, "a packet of another size");
  take(&count, sizeof count);
  if (count > kRepetitionsMax) end(kExitSession, "too many repetitions");
  double *samples = memory(count * sizeof *samples);
  int code = model->run(model->io, model->workspace);
  for (uint32_t i = 0; i < count && code == 0; i++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    code = model->run(model->io, model->workspace);
    clock_gettime(CLOCK_MONOTONIC, &to);
    samples[i] = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
  }
  if (code != 0) {
    refuse("the library refused its arguments");
  } else {
    answer(0, count * sizeof *samples);
    give(samples, count * sizeof *samples);
  }
  free(samples);
}

int main(void) {
  static Model model;
  // What a library might print must not reach the answers.
  out = dup(1);
  if (out < 0 || dup2(2, 1) < 0) end(kExitSetup, "cannot set up its output");
  static const char ready[] = "tvmedge-server 1\n";
  give(ready, sizeof ready - 1);
  for (;;) {
    uint64_t length;
    uint8_t what;
    ssize_t first = read(0, &length, 1);
    if (first == 0) return kExitOk;
    if (first < 0) end(kExitSession, "cannot read");
    take((char *)&length + 1, sizeof length - 1);
    if (length == 0 || length > kPacketMax) end(kExitSession, "a packet of an impossible size");
    take(&what, 1);
    length--;
    if (what == 'L' && model.run == NULL) {
      load(&model, length);
    } else if (model.run == NULL) {
      end(kExitSession, "no library is loaded");
    } else if (what == 'W') {
      set_weights(&model, length);
    } else if (what == 'R') {
      run_once(&model, length);
    } else if (what == 'T') {
      time_runs(&model, length);
    } else {
      end(kExitSession, "a packet of no known kind");
    }
  }
}
