#include "server_times.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "server_ffi.h"

enum { kNameMax = 512, kDeepest = 64, kHeardMax = 64 << 20, kCpu = 1 };

typedef struct {
  double began, inside;
} Open;

// One session is one process, and its VM one thread.
static struct {
  uint8_t *heard;
  size_t bytes, room;
  Open open[kDeepest];
  int depth;
  int64_t device;
} times;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int keep(double ms, const char *name) {
  uint16_t length = (uint16_t)strlen(name);
  size_t more = sizeof ms + sizeof length + length;
  if (times.bytes + more > kHeardMax) return ffi_raise("MemoryError", "too many calls to time");
  if (times.bytes + more > times.room) {
    size_t room = times.room * 2 + 4096;
    uint8_t *heard = realloc(times.heard, room);
    if (heard == NULL) return ffi_raise("MemoryError", "out of memory");
    times.heard = heard;
    times.room = room;
  }
  uint8_t *at = times.heard + times.bytes;
  memcpy(at, &ms, sizeof ms);
  memcpy(at + sizeof ms, &length, sizeof length);
  memcpy(at + sizeof ms + sizeof length, name, length);
  times.bytes += more;
  return 0;
}

// Until what a kernel on a GPU does is done.
static int wait_for_device(void) {
  if (times.device == kCpu) return 0;
  TVMFFIObjectHandle sync = ffi_global("runtime.Device_StreamSync");
  if (sync == NULL) return ffi_raise("RuntimeError", "the runtime cannot wait for a device");
  TVMFFIAny args[2] = {ffi_none(), ffi_int(0)}, result = ffi_none();
  args[0].type_index = kTVMFFIDevice;
  args[0].v_device = (DLDevice){(DLDeviceType)times.device, 0};
  int status = TVMFFIFunctionCall(sync, args, 2, &result);
  TVMFFIObjectDecRef(sync);
  return status;
}

// The VM's instrument: (function, name, whether it is about to begin, its result, its arguments).
static int on_call(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result) {
  (void)self;
  *result = ffi_int(0);  // go on
  char name[kNameMax];
  if (count < 3 || ffi_copy_string(&args[1], name, sizeof name) != 0) strcpy(name, "?");
  if (count >= 3 && args[2].v_int64) {
    if (times.depth == kDeepest) return ffi_raise("RuntimeError", "calls nest too deep to time");
    times.open[times.depth++] = (Open){now_ms(), 0};
    return 0;
  }
  if (times.depth == 0) return 0;
  if (wait_for_device() != 0) return -1;
  double now = now_ms();
  Open *open = &times.open[--times.depth];
  double all = now - open->began;
  if (times.depth > 0) times.open[times.depth - 1].inside += all;
  return keep(all - open->inside, name);
}

static int on_timer(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result) {
  (void)self;
  if (count != 1) return ffi_raise("TypeError", "timer expects the type of a device");
  times.device = args[0].v_int64;
  TVMFFIObjectHandle function = ffi_function(NULL, on_call);
  if (function == NULL) return -1;
  *result = ffi_object(kTVMFFIFunction, function);
  return 0;
}

static int on_times(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result) {
  (void)self, (void)args, (void)count;
  TVMFFIByteArray bytes = {(const char *)times.heard, times.bytes};
  times.bytes = 0;
  times.depth = 0;
  return TVMFFIBytesFromByteArray(&bytes, result);
}

static int on_peak(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result) {
  (void)self, (void)args, (void)count;
  struct rusage usage;
  *result = ffi_int(getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0);
  return 0;
}

int times_register(void) {
  return ffi_register("tvmedge.server.timer", NULL, on_timer) != 0 ||
                 ffi_register("tvmedge.server.times", NULL, on_times) != 0 ||
                 ffi_register("tvmedge.server.peak_kib", NULL, on_peak) != 0
             ? -1
             : 0;
}
