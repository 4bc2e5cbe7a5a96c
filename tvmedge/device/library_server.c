// Runs freestanding libraries on a board: load, weights, run, time. Packets (packets.h):
//
//   'L' inputs:u16 outputs:u16 most:u16 threads:u16 workspace:u64 prefix '\n' library
//                                          load this library, made for so many threads at most (1:
//                                          its io has no pool); run on threads of them (0: one a fast core)
//                                          (no bytes of it: the first file that was sent before)
//   'W' weights                                                     give it its weights
//                                          (no bytes: the second file)
//   'F'     answered by how many files were sent before, u8
//   'R' inputs, one after the other                                 run; answered by the outputs
//   'T' repetitions:u32                                             run so often; ms of each, f64
//   'C'     answered by what the last 'R' executed (Counts of counts.h), zeros where nobody counts
//   'P'     run; answered by what each kernel executed, in their order: Counts, bytes:u16, its name
//   'O'     run; answered by what each kernel took, in their order: ms:f64, bytes:u16, its name
//   'M'     answered by the most memory that was ever resident, in KiB, and that before 'L': u64 each
#define PROGRAM "tvmedge-library-server"
#include "counts.h"
#include "packets.h"

#ifdef TVMEDGE_PREFIX
#include "library_linked.h"
#else
#include "library_loaded.h"
#endif

enum { kPrefixMax = 64, kTensorsMax = 1024, kRepetitionsMax = 1000000 };
enum { kThreadsMax = 64, kPoolBytes = 4096 };

typedef struct {
  Library library;  // without a `run` until one is loaded
  int inputs, outputs, most;
  void *io[kTensorsMax + 2];  // inputs, outputs, pool, weights
  void *workspace;
  Counts counts;  // of the last run
  Note note;
  uint64_t before_kib;
} Model;

typedef struct {
  const char *name;
  Counts counts;
  double ms;
} Step;

typedef struct {
  Step *steps;
  size_t count, room;
  Counts last;
  double last_ms;
} Steps;

// Hears of each kernel that has run: the next one does.
static void note_next(void *running, int call, const char *kernel) {
  (void)kernel;
  *(volatile uint32_t *)running = (uint32_t)call + 2;
}

// Runs the model once, and lets the session know where.
static int run_model(const Model *model) {
  volatile uint32_t *running = model->note.running;
  if (running == NULL) return model->library.run((void *)model->io, model->workspace);
  *running = 1;
  int code = model->library.run_profiled((void *)model->io, model->workspace, note_next,
                                         (void *)running);
  *running = 0;
  return code;
}

// Where the library knows its kernels' names, notes are taken, but for runs that are counted.
static void start_notes(Model *model) {
  const char *names = model->library.kernels;
  model->note = note_open();
  if (model->note.running == NULL) return;
  if (names == NULL || model->library.run_profiled == NULL || counts_taken()) {
    model->note.running = NULL;
    return;
  }
  size_t bytes = 0;
  while (names[bytes] != 0) bytes += strlen(names + bytes) + 1;
  memcpy(model->note.names, names, bytes < kNoteText ? bytes : kNoteText);
}

// A pool for the library, if it is made for more than one thread. Says what is wrong, or NULL.
static const char *start_pool(Model *model, int threads) {
  int cores = system_cores(threads);
  int wanted = threads > 0 ? threads : cores < model->most ? cores : model->most;
  if (model->most == 1 || wanted == 1) return NULL;
  int (*start)(void *, int) = model->library.pool_start;
  if (start == NULL) return "it has no pool of threads";
  void *pool = memory(kPoolBytes);
  if (start(pool, wanted) != 0) return "its threads did not start";
  model->io[model->inputs + model->outputs] = pool;
  return NULL;
}

static void load(Model *model, uint64_t left) {
  uint16_t counts[4];
  uint64_t workspace;
  char prefix[kPrefixMax + 1] = {0};
  if (left < sizeof counts + sizeof workspace) end(kExitSession, "a packet too short");
  take(counts, sizeof counts);
  take(&workspace, sizeof workspace);
  left -= sizeof counts + sizeof workspace;
  take_name(prefix, kPrefixMax, &left);
  if (counts[0] + counts[1] > kTensorsMax || workspace > kPacketMax * 16 ||
      workspace > SIZE_MAX / 2) {
    end(kExitSession, "a model too large");
  }
  if (counts[2] < 1 || counts[2] > kThreadsMax || counts[3] > counts[2]) {
    end(kExitSession, "an impossible number of threads");
  }
  const char *wrong = library_open(&model->library, prefix, (size_t)left);
  if (wrong != NULL) {
    model->library.run = NULL;
    refuse(wrong);
    return;
  }
  model->inputs = counts[0];
  model->outputs = counts[1];
  model->most = counts[2];
  for (int i = 0; i < model->inputs; i++) model->io[i] = memory(model->library.tensors[0][i].bytes);
  for (int i = 0; i < model->outputs; i++) {
    model->io[model->inputs + i] = memory(model->library.tensors[1][i].bytes);
  }
  model->workspace = memory(workspace);
  start_notes(model);
  wrong = start_pool(model, counts[3]);
  if (wrong == NULL) {
    answer(0, 0);
  } else {
    model->library.run = NULL;
    refuse(wrong);
  }
}

static void set_weights(Model *model, uint64_t bytes) {
  size_t sent = 0;
  const void *weights = bytes == 0 ? sent_content(1, &sent) : NULL;
  if (weights == NULL) {
    void *own = memory(bytes);
    take(own, bytes);
    weights = own;
  } else {
    bytes = sent;
  }
  if (model->library.check == NULL || model->library.check(weights, bytes) != 0) {
    refuse("the weights are not those the library was made for");
    return;
  }
  model->io[model->inputs + model->outputs + (model->most > 1)] = (void *)weights;
  answer(0, 0);
}

static void run_once(Model *model, uint64_t left) {
  for (int i = 0; i < model->inputs; i++) {
    size_t bytes = model->library.tensors[0][i].bytes;
    if (bytes > left) end(kExitSession, "inputs of another size");
    take(model->io[i], bytes);
    left -= bytes;
  }
  if (left != 0) end(kExitSession, "inputs of another size");
  counts_restart();
  Counts before = counts_now();
  int code = run_model(model);
  model->counts = counts_difference(counts_now(), before);
  if (code != 0) {
    refuse("the library refused its arguments");
    return;
  }
  uint64_t total = 0;
  for (int i = 0; i < model->outputs; i++) total += model->library.tensors[1][i].bytes;
  answer(0, total);
  for (int i = 0; i < model->outputs; i++) {
    give(model->io[model->inputs + i], model->library.tensors[1][i].bytes);
  }
}

static void time_runs(Model *model, uint64_t left) {
  uint32_t count;
  if (left != sizeof count) end(kExitSession, "a packet of another size");
  take(&count, sizeof count);
  if (count > kRepetitionsMax) end(kExitSession, "too many repetitions");
  double *samples = memory(count * sizeof *samples);
  int code = run_model(model);
  for (uint32_t i = 0; i < count && code == 0; i++) {
    double started = system_ms();
    code = run_model(model);
    samples[i] = system_ms() - started;
  }
  if (code != 0) {
    refuse("the library refused its arguments");
  } else {
    answer(0, count * sizeof *samples);
    give(samples, count * sizeof *samples);
  }
  free(samples);
}

static void show_counts(const Model *model) {
  answer(0, sizeof model->counts);
  give(&model->counts, sizeof model->counts);
}

static Step *next_step(Steps *all, const char *kernel) {
  if (all->count == all->room) {
    all->room = all->room * 2 + 64;
    all->steps = realloc(all->steps, all->room * sizeof *all->steps);
    if (all->steps == NULL) end(kExitSetup, "out of memory");
  }
  Step *step = &all->steps[all->count++];
  *step = (Step){.name = kernel};
  return step;
}

// Hear of each kernel that has run.
static void note_counts(void *context, int call, const char *kernel) {
  (void)call;
  Counts now = counts_now();
  Steps *all = context;
  next_step(all, kernel)->counts = counts_difference(now, all->last);
  all->last = counts_now();
}

static void note_time(void *context, int call, const char *kernel) {
  (void)call;
  double now = system_ms();
  Steps *all = context;
  next_step(all, kernel)->ms = now - all->last_ms;
  all->last_ms = system_ms();
}

// Runs the model and tells of its kernels: what each took, or what it executed.
static void tell_steps(Model *model, int timed) {
  if (model->library.run_profiled == NULL) {
    refuse("the library has no kernels to count");
    return;
  }
  counts_restart();
  Steps all = {.last = counts_now(), .last_ms = system_ms()};
  Done note = timed ? note_time : note_counts;
  if (model->library.run_profiled(model->io, model->workspace, note, &all) != 0) {
    refuse("the library refused its arguments");
    free(all.steps);
    return;
  }
  uint64_t bytes = 0, each = timed ? sizeof(double) : sizeof(Counts);
  for (size_t i = 0; i < all.count; i++) {
    bytes += each + sizeof(uint16_t) + strnlen(all.steps[i].name, UINT16_MAX);
  }
  answer(0, bytes);
  for (size_t i = 0; i < all.count; i++) {
    Step *step = &all.steps[i];
    uint16_t length = (uint16_t)strnlen(step->name, UINT16_MAX);
    if (timed) {
      give(&step->ms, sizeof step->ms);
    } else {
      give(&step->counts, sizeof step->counts);
    }
    give(&length, sizeof length);
    give(all.steps[i].name, length);
  }
  free(all.steps);
}

int main(void) {
  const char *wrong = counts_open();
  if (wrong != NULL) end(kExitSetup, wrong);
  Model *model = memory(sizeof *model);
  start();
  model->before_kib = system_peak_kib();
  for (;;) {
    uint8_t what;
    uint64_t length = next(&what);
    if (what == 'F' && length == 0) {
      uint8_t count = (uint8_t)sent_files();
      answer(0, 1);
      give(&count, 1);
    } else if (what == 'L' && model->library.run == NULL) {
      load(model, length);
    } else if (model->library.run == NULL) {
      end(kExitSession, "no library is loaded");
    } else if (what == 'W') {
      set_weights(model, length);
    } else if (what == 'R') {
      run_once(model, length);
    } else if (what == 'T') {
      time_runs(model, length);
    } else if (what == 'C' && length == 0) {
      show_counts(model);
    } else if ((what == 'P' || what == 'O') && length == 0) {
      tell_steps(model, what == 'O');
    } else if (what == 'M' && length == 0) {
      uint64_t kib[2] = {system_peak_kib(), model->before_kib};
      answer(0, sizeof kib);
      give(kib, sizeof kib);
    } else {
      end(kExitSession, "a packet of no known kind");
    }
  }
}
