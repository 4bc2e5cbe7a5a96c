// TVM 0.27's tvm/runtime/timer.h as far as it is used here: the wheel has that header, but not
// those that it includes. Layout and names are TVM's.
#ifndef TVMEDGE_OPENCL_TVM_TIMER_H_
#define TVMEDGE_OPENCL_TVM_TIMER_H_

#include <tvm/ffi/object.h>
#include <tvm/runtime/base.h>

namespace tvm {
namespace runtime {

class TimerNode : public ffi::Object {
 public:
  virtual void Start() = 0;
  virtual void Stop() = 0;
  virtual int64_t SyncAndGetElapsedNanos() = 0;
  virtual ~TimerNode() {}

  static constexpr const bool _type_mutable = true;
  TVM_FFI_DECLARE_OBJECT_INFO("runtime.TimerNode", TimerNode, ffi::Object);
};

class Timer : public ffi::ObjectRef {
 public:
  // Calls the global function runtime.timer.<kind of device> and starts what it gives.
  static TVM_RUNTIME_DLL Timer Start(DLDevice device);

  TVM_FFI_DEFINE_OBJECT_REF_METHODS_NULLABLE(Timer, ffi::ObjectRef, TimerNode);
};

}  // namespace runtime
}  // namespace tvm

#endif  // TVMEDGE_OPENCL_TVM_TIMER_H_
