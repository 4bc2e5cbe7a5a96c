#include "timer.h"

#include <tvm/ffi/device.h>
#include <tvm/ffi/dtype.h>
#include "tvm_timer.h"

#include <chrono>
#include <deque>
#include <memory>

#include "driver.h"
#include "guarded.h"
#include "raise.h"

namespace tvmedge::opencl {
namespace {

// The events of one device since its timer started, null while none runs. Queues keep events
// only if made for it, so the first timer makes another queue.
struct Timing {
  bool profiled = false;
  bool running = false;
  std::deque<cl_event> events;
};

Timing& timing(int index) {
  static auto* all = new std::deque<Timing>(devices().size());
  return (*all)[index];
}

cl_int keep_events(int index) {
  if (timing(index).profiled) return CL_SUCCESS;
  Device& device = devices()[index];
  cl_int error = driver().clFinish(device.queue);
  if (error != CL_SUCCESS) return error;
  cl_command_queue queue = driver().clCreateCommandQueue(device.context, device.id,
                                                         CL_QUEUE_PROFILING_ENABLE, &error);
  if (error != CL_SUCCESS) return error;
  device.queue = queue;
  timing(index).profiled = true;
  return CL_SUCCESS;
}

// Nanoseconds that all events since the start took, which are released. Commands that failed
// have no time: the error is the first of theirs.
cl_int elapsed(int index, int64_t* nanoseconds) {
  Timing& now = timing(index);
  cl_int error = driver().clFinish(devices()[index].queue);
  for (cl_event event : now.events) {
    if (!event) continue;
    cl_ulong start = 0, end = 0;
    for (auto [what, to] : {std::pair{CL_PROFILING_COMMAND_START, &start},
                            std::pair{CL_PROFILING_COMMAND_END, &end}}) {
      if (error == CL_SUCCESS) {
        error = driver().clGetEventProfilingInfo(event, what, sizeof(*to), to, nullptr);
      }
    }
    *nanoseconds += static_cast<int64_t>(end - start);
    driver().clReleaseEvent(event);
  }
  now.events.clear();
  return error;
}

// A run as its user waits for it: kernels of the CPU beside the GPU, copies and pauses included.
class RunTimer final : public tvm::runtime::TimerNode {
 public:
  explicit RunTimer(int index) : index_(index) {}
  void Start() final {
    finish();
    began_ = std::chrono::steady_clock::now();
  }
  void Stop() final {
    finish();
    taken_ = std::chrono::steady_clock::now() - began_;
  }
  int64_t SyncAndGetElapsedNanos() final {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(taken_).count();
  }
  TVM_FFI_DECLARE_OBJECT_INFO_FINAL("tvmedge.OpenCLRunTimer", RunTimer, TimerNode);

 private:
  void finish() {
    cl_int error = driver().clFinish(devices()[index_].queue);
    if (error != CL_SUCCESS) raise_in_tvm("OpenCL: a run that was timed failed: %s", meaning(error));
  }

  int index_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::duration taken_{};
};

class EventTimer final : public tvm::runtime::TimerNode {
 public:
  explicit EventTimer(int index) : index_(index) {}
  void Start() final {
    cl_int error = driver().clFinish(devices()[index_].queue);
    if (error != CL_SUCCESS) raise_in_tvm("OpenCL: cannot start a timer: %s", meaning(error));
    timing(index_).running = true;
  }
  void Stop() final { timing(index_).running = false; }
  int64_t SyncAndGetElapsedNanos() final {
    int64_t nanoseconds = 0;
    cl_int error = elapsed(index_, &nanoseconds);
    if (error != CL_SUCCESS) {
      raise_in_tvm("OpenCL: a command that was timed failed: %s (%d)", meaning(error), error);
    }
    return nanoseconds;
  }
  TVM_FFI_DECLARE_OBJECT_INFO_FINAL("tvmedge.OpenCLTimer", EventTimer, TimerNode);

 private:
  int index_;
};

bool whole_runs = false;

tvm::runtime::Timer start(DLDevice device) {
  if (device.device_id == kRaisePending) TVM_FFI_THROW(RuntimeError) << pending_message();
  if (static_cast<size_t>(device.device_id) >= devices().size()) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: there is no device " << device.device_id;
  }
  if (whole_runs) return tvm::runtime::Timer(tvm::ffi::make_object<RunTimer>(device.device_id));
  cl_int error = keep_events(device.device_id);
  if (error != CL_SUCCESS) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: cannot time commands: " << meaning(error);
  }
  return tvm::runtime::Timer(tvm::ffi::make_object<EventTimer>(device.device_id));
}

TVM_FFI_STATIC_INIT_BLOCK() {
  register_global("runtime.timer.opencl", start);
  register_global("tvmedge.opencl.time_runs", [](bool whole) { whole_runs = whole; });
}

}  // namespace

cl_event* event_slot(int index) {
  Timing& now = timing(index);
  if (!now.running) return nullptr;
  now.events.push_back(nullptr);
  return &now.events.back();
}

}  // namespace tvmedge::opencl
