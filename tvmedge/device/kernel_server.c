// Runs single kernels on a board, for a tuner: load, fill, call, count, time. Packets (packets.h):
//
//   'L' tensors:u16 bytes:u64 of each, symbol '\n' library    load this kernel in place of the
//                                    last, with a buffer of zeros for each; answered by the
//                                    address at which the library is, u64 (a kernel that was
//                                    linked with the server: no library, and 0)
//   'S' tensor:u16 content           fill the buffer with the content, over and over
//   'G' tensor:u16                   answered by the buffer
//   'N' calls:u32                    call so often; answered by the instructions, packets and
//                                    vector instructions that takes, u64 each, 0 where nobody counts
//   'T' repetitions:u32 calls:u32    time so many calls so often; ms of each repetition, f64
#define PROGRAM "tvmedge-kernel-server"
#ifdef TVMEDGE_KERNEL
#include "kernel_linked.h"
#else
#include "kernel_loaded.h"
#endif
#include "counts.h"

enum { kSymbolMax = 64, kTensorsMax = 48, kRepetitionsMax = 1000000 };
static const uint64_t kBytesMax = sizeof(size_t) > 4 ? (uint64_t)4 << 30 : (uint64_t)1 << 30;

typedef struct {
  Code code;
  int tensors;
  void *data[kTensorsMax];
  uint64_t bytes[kTensorsMax];
} Loaded;

// Kernels take pointers only; C lets a caller give more than a function looks at.
#define TIMES8(x) x, x, x, x, x, x, x, x
#define DATA8(i) d[i], d[i + 1], d[i + 2], d[i + 3], d[i + 4], d[i + 5], d[i + 6], d[i + 7]
typedef void *P;
typedef void (*Few)(TIMES8(P));
typedef void (*More)(TIMES8(P), TIMES8(P));
typedef void (*Most)(TIMES8(P), TIMES8(P), TIMES8(P), TIMES8(P), TIMES8(P), TIMES8(P));

static void call(const Loaded *kernel, uint32_t calls) {
  void *const *d = kernel->data;
  for (uint32_t i = 0; i < calls; i++) {
    if (kernel->tensors <= 8) {
      ((Few)kernel->code.function)(DATA8(0));
    } else if (kernel->tensors <= 16) {
      ((More)kernel->code.function)(DATA8(0), DATA8(8));
    } else {
      ((Most)kernel->code.function)(DATA8(0), DATA8(8), DATA8(16), DATA8(24), DATA8(32), DATA8(40));
    }
  }
}

static void unload(Loaded *kernel) {
  for (int i = 0; i < kernel->tensors; i++) free(kernel->data[i]);
  code_close(&kernel->code);
  memset(kernel, 0, sizeof *kernel);
}

static void load(Loaded *kernel, uint64_t left) {
  uint16_t tensors;
  uint64_t bytes[kTensorsMax], all = 0;
  char symbol[kSymbolMax + 1];
  unload(kernel);
  if (left < sizeof tensors) end(kExitSession, "a packet too short");
  take(&tensors, sizeof tensors);
  left -= sizeof tensors;
  if (tensors > kTensorsMax || left < tensors * sizeof *bytes) {
    end(kExitSession, "too many tensors");
  }
  take(bytes, tensors * sizeof *bytes);
  left -= tensors * sizeof *bytes;
  take_name(symbol, kSymbolMax, &left);
  const char *wrong = code_open(&kernel->code, symbol, (size_t)left);
  if (wrong != NULL) {
    kernel->code.function = NULL;
    refuse(wrong);
    return;
  }
  for (int i = 0; i < tensors; i++) {
    if (bytes[i] > kBytesMax || (all += bytes[i]) > kBytesMax) {
      kernel->code.function = NULL;
      refuse("its tensors take more than the board has room for");
      return;
    }
    kernel->bytes[i] = bytes[i];
    kernel->data[i] = memory(bytes[i]);
    kernel->tensors = i + 1;
  }
  uint64_t base = code_base(&kernel->code);
  answer(0, sizeof base);
  give(&base, sizeof base);
}

static int tensor(const Loaded *kernel, uint64_t *left) {
  uint16_t index;
  if (*left < sizeof index) end(kExitSession, "a packet too short");
  take(&index, sizeof index);
  *left -= sizeof index;
  if (index >= kernel->tensors) end(kExitSession, "no such tensor");
  return index;
}

static void fill(const Loaded *kernel, uint64_t left) {
  int index = tensor(kernel, &left);
  if (left == 0 || left > kernel->bytes[index]) end(kExitSession, "content of another size");
  char *data = kernel->data[index];
  take(data, left);
  for (uint64_t done = left; done < kernel->bytes[index];) {
    uint64_t more = kernel->bytes[index] - done < done ? kernel->bytes[index] - done : done;
    memcpy(data + done, data, more);
    done += more;
  }
  answer(0, 0);
}

static void show(const Loaded *kernel, uint64_t left) {
  int index = tensor(kernel, &left);
  answer(0, kernel->bytes[index]);
  give(kernel->data[index], kernel->bytes[index]);
}

static uint32_t number(uint64_t *left) {
  uint32_t given;
  if (*left < sizeof given) end(kExitSession, "a packet too short");
  take(&given, sizeof given);
  *left -= sizeof given;
  return given;
}

static void count(const Loaded *kernel, uint64_t left) {
  uint32_t calls = number(&left);
  counts_restart();
  Counts before = counts_now();
  call(kernel, calls);
  Counts taken = counts_difference(counts_now(), before);
  answer(0, sizeof taken);
  give(&taken, sizeof taken);
}

static void time_calls(const Loaded *kernel, uint64_t left) {
  uint32_t repetitions = number(&left), calls = number(&left);
  if (repetitions > kRepetitionsMax) end(kExitSession, "too many repetitions");
  double *samples = memory(repetitions * sizeof *samples);
  for (uint32_t i = 0; i < repetitions; i++) {
    double started = system_ms();
    call(kernel, calls);
    samples[i] = system_ms() - started;
  }
  answer(0, repetitions * sizeof *samples);
  give(samples, repetitions * sizeof *samples);
  free(samples);
}

int main(void) {
  static Loaded kernel;
  const char *wrong = counts_open();
  if (wrong != NULL) end(kExitSetup, wrong);
  start();
  for (;;) {
    uint8_t what;
    uint64_t length = next(&what);
    if (what == 'L') {
      load(&kernel, length);
    } else if (kernel.code.function == NULL) {
      end(kExitSession, "no kernel is loaded");
    } else if (what == 'S') {
      fill(&kernel, length);
    } else if (what == 'G') {
      show(&kernel, length);
    } else if (what == 'N') {
      count(&kernel, length);
    } else if (what == 'T') {
      time_calls(&kernel, length);
    } else {
      end(kExitSession, "a packet of no known kind");
    }
  }
}
