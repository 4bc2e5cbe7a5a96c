#include "raise.h"

#include "tvm_timer.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "timer.h"

namespace tvmedge::opencl {
namespace {

thread_local char pending[1024];

}  // namespace

const char* pending_message() { return pending; }

void raise_in_tvm(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(pending, sizeof(pending), format, arguments);
  va_end(arguments);
  // TVM calls our timer's factory, gets an error through the C interface, and throws it.
  using tvm::runtime::Timer;
  alignas(Timer) char never[sizeof(Timer)];  // no object here that would have to be destroyed
  new (never) Timer(Timer::Start(DLDevice{kDLOpenCL, kRaisePending}));
  std::abort();
}

const char* meaning(cl_int error) {
  switch (error) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_INVALID_BUFFER_SIZE:
      return "out of memory on the device";
    case CL_OUT_OF_RESOURCES:
      return "out of resources on the device, or the device was lost";
    case CL_OUT_OF_HOST_MEMORY:
      return "out of memory on the host";
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_INVALID_COMMAND_QUEUE:  // ours was made, and is not given back
      return "the device was lost";
    default:
      return "the driver failed";
  }
}

}  // namespace tvmedge::opencl
