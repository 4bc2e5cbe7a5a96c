/* The OpenCL driver of this machine, failing as a GPU's may: FAILING_DRIVER=lost:3 loses the device
   after three kernels, groups:16 takes groups of 16 items at most, build:1 compiles nothing,
   apart:1 shares no memory with the CPU.
   All else is the real driver's, which this library needs, so that its functions are found. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_AVAILABLE = -2, OUT_OF_RESOURCES = -5, BUILD_FAILED = -11, GROUP_SIZE = -54 };
enum { WORK_GROUP_SIZE = 0x11B0, BUILD_LOG = 0x1183, UNIFIED_MEMORY = 0x1035 };

static const char log_text[] = "internal error of the shader compiler";
static int started;

static void *real(const char *name) {
  static void *driver;
  if (!driver) driver = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  return dlsym(driver, name);
}

static long failing(const char *how) {
  const char *given = getenv("FAILING_DRIVER");
  size_t length = strlen(how);
  return given && !strncmp(given, how, length) && given[length] == ':' ? atol(given + length + 1) : -1;
}

static int lost(void) {
  long after = failing("lost");
  return after >= 0 && started > after;
}

int32_t clEnqueueNDRangeKernel(void *queue, void *kernel, uint32_t axes, const size_t *from,
                               const size_t *items, const size_t *group, uint32_t waits,
                               const void *events, void *event) {
  long most = failing("groups");
  size_t size = 1;
  for (uint32_t i = 0; i < axes; ++i) size *= group[i];
  if (most >= 0 && size > (size_t)most) return GROUP_SIZE;
  ++started;
  if (lost()) return NOT_AVAILABLE;
  int32_t (*call)(void *, void *, uint32_t, const size_t *, const size_t *, const size_t *, uint32_t,
                  const void *, void *) = real("clEnqueueNDRangeKernel");
  return call(queue, kernel, axes, from, items, group, waits, events, event);
}

int32_t clGetDeviceInfo(void *device, uint32_t what, size_t size, void *to, size_t *needed) {
  if (failing("apart") >= 0 && what == UNIFIED_MEMORY && to) return memset(to, 0, size), 0;
  int32_t (*call)(void *, uint32_t, size_t, void *, size_t *) = real("clGetDeviceInfo");
  return call(device, what, size, to, needed);
}

int32_t clFinish(void *queue) {
  if (lost()) return OUT_OF_RESOURCES;
  int32_t (*call)(void *) = real("clFinish");
  return call(queue);
}

int32_t clGetKernelWorkGroupInfo(void *kernel, void *device, uint32_t what, size_t size, void *to,
                                 size_t *needed) {
  long most = failing("groups");
  if (most >= 0 && what == WORK_GROUP_SIZE) return *(size_t *)to = (size_t)most, 0;
  int32_t (*call)(void *, void *, uint32_t, size_t, void *, size_t *) =
      real("clGetKernelWorkGroupInfo");
  return call(kernel, device, what, size, to, needed);
}

int32_t clBuildProgram(void *program, uint32_t devices, void *const *ids, const char *options,
                       void *then, void *data) {
  if (failing("build") >= 0) return BUILD_FAILED;
  int32_t (*call)(void *, uint32_t, void *const *, const char *, void *, void *) =
      real("clBuildProgram");
  return call(program, devices, ids, options, then, data);
}

int32_t clGetProgramBuildInfo(void *program, void *device, uint32_t what, size_t size, void *to,
                              size_t *needed) {
  if (failing("build") >= 0 && what == BUILD_LOG) {
    if (needed) *needed = sizeof(log_text);
    if (to) memcpy(to, log_text, size < sizeof(log_text) ? size : sizeof(log_text));
    return 0;
  }
  int32_t (*call)(void *, void *, uint32_t, size_t, void *, size_t *) = real("clGetProgramBuildInfo");
  return call(program, device, what, size, to, needed);
}
