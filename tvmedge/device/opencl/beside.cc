// Tensors that a kernel on the CPU shares with the GPU beside it.
//
// Where both have one memory and the driver maps a buffer to an address that kernels take, the
// CPU works on the GPU's own buffer; else on a copy. Commands run in order: a mapping waits for
// what was started before.
#include <tvm/ffi/container/shape.h>
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/function.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

#include "api.h"
#include "buffer.h"
#include "driver.h"
#include "guarded.h"
#include "raise.h"

namespace tvmedge::opencl {
namespace {

using tvm::ffi::Shape;
using tvm::ffi::Tensor;

constexpr uintptr_t kAlignment = 64;  // what TVM's kernels assume of a tensor's address
constexpr DLDevice kHost = {kDLCPU, 0};

// Bytes and nanoseconds since the start of this process.
struct Moved {
  int64_t copied_to_cpu = 0, copied_to_gpu = 0, shared_to_cpu = 0, shared_to_gpu = 0, nanoseconds = 0;
};

Moved moved;
std::mutex guard;  // of `moved` and `Lent::all`

class Clock {
 public:
  explicit Clock(int index) {
    driver().clFinish(devices()[index].queue);  // what came before is no part of a copy
    began_ = std::chrono::steady_clock::now();
  }
  void count(int64_t Moved::*what, size_t bytes) {
    auto taken = std::chrono::steady_clock::now() - began_;
    std::lock_guard<std::mutex> lock(guard);
    moved.*what += static_cast<int64_t>(bytes);
    moved.nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count();
  }

 private:
  std::chrono::steady_clock::time_point began_;
};

void require(cl_int error, const char* what, size_t size) {
  if (error != CL_SUCCESS) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: could not " << what << " " << size
                                << " bytes: " << meaning(error) << " (" << error << ")";
  }
}

// A buffer of a device, given back with its last owner.
class Owned {
 public:
  Owned(int index, size_t size) : index(index), size(size) {
    cl_int error = CL_SUCCESS;
    buffer = take_buffer(index, size, &error);
    if (!buffer) require(error, "find room on the GPU for", size);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { give_buffer(index, buffer); }

  const int index;
  const size_t size;
  Buffer* buffer = nullptr;
};

// A buffer's bytes in the CPU's memory, until `end`.
struct Mapping {
  int index = 0;
  cl_mem memory = nullptr;
  void* bytes = nullptr;

  // Whether the driver maps it to where kernels can work.
  bool begin(int device, const Buffer* buffer, cl_bitfield how, size_t size) {
    if (!devices()[device].unified) return false;
    cl_int error = CL_SUCCESS;
    index = device;
    memory = buffer->memory;
    bytes = driver().clEnqueueMapBuffer(devices()[device].queue, memory, 1, how, 0, size, 0,
                                        nullptr, nullptr, &error);
    if (error != CL_SUCCESS) bytes = nullptr;
    if (bytes && reinterpret_cast<uintptr_t>(bytes) % kAlignment) end();
    return bytes != nullptr;
  }
  cl_int end() {
    if (!bytes) return CL_SUCCESS;
    cl_int error = driver().clEnqueueUnmapMemObject(devices()[index].queue, memory, bytes, 0,
                                                    nullptr, nullptr);
    bytes = nullptr;
    return error;
  }
};

// Memory of a device's tensor: `Owned`, whose buffer the data pointer is.
struct OnGpu {
  std::shared_ptr<Owned> owned;
  void AllocData(DLTensor* tensor) { tensor->data = owned->buffer; }
  void FreeData(DLTensor*) {}
};

// Memory of the CPU's own, for copies.
struct OnCpu {
  void AllocData(DLTensor* tensor) {
    size_t size = tvm::ffi::GetDataSize(*tensor);
    tensor->data = ::operator new(size ? size : 1, std::align_val_t{kAlignment});
  }
  void FreeData(DLTensor* tensor) { ::operator delete(tensor->data, std::align_val_t{kAlignment}); }
};

// What the CPU reads: the mapping of a tensor that stays alive.
struct Seen {
  Tensor source;
  Mapping mapping;
  void AllocData(DLTensor* tensor) { tensor->data = mapping.bytes; }
  void FreeData(DLTensor*) { mapping.end(); }
};

// What the CPU writes: the mapping of a buffer that becomes a tensor of the GPU's.
struct Lent {
  struct State {
    std::shared_ptr<Owned> owned;
    Mapping mapping;
  };
  static std::unordered_map<void*, std::shared_ptr<State>>& all() {
    static auto* found = new std::unordered_map<void*, std::shared_ptr<State>>();
    return *found;
  }

  std::shared_ptr<State> state;
  void AllocData(DLTensor* tensor) {
    tensor->data = state->mapping.bytes;
    std::lock_guard<std::mutex> lock(guard);
    all()[tensor->data] = state;
  }
  void FreeData(DLTensor* tensor) {
    std::shared_ptr<State> last;
    std::lock_guard<std::mutex> lock(guard);
    if (auto found = all().find(tensor->data); found != all().end() && found->second == state) {
      last = std::move(found->second);
      all().erase(found);
    }
    state->mapping.end();
  }
  // The state of a tensor that is lent, which is so no more; null for another's.
  static std::shared_ptr<State> taken(const void* data) {
    std::lock_guard<std::mutex> lock(guard);
    auto found = all().find(const_cast<void*>(data));
    if (found == all().end()) return nullptr;
    std::shared_ptr<State> state = std::move(found->second);
    all().erase(found);
    return state;
  }
};

int current_index() {
  int index = current_device();
  if (static_cast<size_t>(index) >= devices().size()) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: " << missing();
  }
  return index;
}

// What a kernel on the CPU reads of the GPU's tensor.
Tensor on_cpu(Tensor gpu) {
  int index = gpu.device().device_id;
  size_t size = tvm::ffi::GetDataSize(gpu);
  if (gpu.device().device_type != kDLOpenCL || size == 0) {
    if (size) return gpu;
    return Tensor::FromNDAlloc(OnCpu(), gpu.shape(), gpu.dtype(), kHost);
  }
  auto* buffer = static_cast<const Buffer*>(gpu.data_ptr());
  Clock clock(index);
  Seen seen{gpu, {}};
  if (gpu.byte_offset() == 0 && seen.mapping.begin(index, buffer, CL_MAP_READ, size)) {
    clock.count(&Moved::shared_to_cpu, size);
    return Tensor::FromNDAlloc(std::move(seen), gpu.shape(), gpu.dtype(), kHost);
  }
  Tensor copy = Tensor::FromNDAlloc(OnCpu(), gpu.shape(), gpu.dtype(), kHost);
  require(read_buffer(index, buffer, gpu.byte_offset(), copy.data_ptr(), size), "read", size);
  clock.count(&Moved::copied_to_cpu, size);
  return copy;
}

// Where a kernel on the CPU writes what the GPU is to have.
Tensor for_gpu(Shape shape, DLDataType dtype) {
  int index = current_index();
  size_t size = tvm::ffi::GetDataSize(static_cast<size_t>(shape.Product()), dtype);
  if (size && devices()[index].unified) {
    auto state = std::make_shared<Lent::State>();
    state->owned = std::make_shared<Owned>(index, size);
    Clock clock(index);
    if (state->mapping.begin(index, state->owned->buffer, CL_MAP_WRITE, size)) {
      clock.count(&Moved::shared_to_gpu, size);
      return Tensor::FromNDAlloc(Lent{state}, shape, dtype, kHost);
    }
  }
  return Tensor::FromNDAlloc(OnCpu(), shape, dtype, kHost);
}

// The GPU's tensor with what a kernel wrote into one of `for_gpu`, which nobody uses any more.
Tensor on_gpu(Tensor cpu) {
  size_t size = tvm::ffi::GetDataSize(cpu);
  if (auto state = Lent::taken(cpu.data_ptr())) {
    int index = state->owned->index;
    Clock clock(index);
    require(state->mapping.end(), "give the GPU", size);
    clock.count(&Moved::shared_to_gpu, 0);
    return Tensor::FromNDAlloc(OnGpu{state->owned}, cpu.shape(), cpu.dtype(),
                               DLDevice{kDLOpenCL, index});
  }
  int index = current_index();
  auto owned = std::make_shared<Owned>(index, size);
  Clock clock(index);
  if (size) require(write_buffer(index, owned->buffer, 0, cpu.data_ptr(), size), "write", size);
  clock.count(&Moved::copied_to_gpu, size);
  return Tensor::FromNDAlloc(OnGpu{owned}, cpu.shape(), cpu.dtype(), DLDevice{kDLOpenCL, index});
}

// What `Moved` counted, in its order; a text, which sessions of TVM's RPC can carry.
tvm::ffi::String counted() {
  std::lock_guard<std::mutex> lock(guard);
  std::string text;
  for (int64_t one : {moved.copied_to_cpu, moved.copied_to_gpu, moved.shared_to_cpu,
                      moved.shared_to_gpu, moved.nanoseconds}) {
    text += std::to_string(one) + " ";
  }
  return tvm::ffi::String(text);
}

TVM_FFI_STATIC_INIT_BLOCK() {
  register_global("tvmedge.opencl.on_cpu", on_cpu);
  register_global("tvmedge.opencl.for_gpu", for_gpu);
  register_global("tvmedge.opencl.on_gpu", on_gpu);
  register_global("tvmedge.opencl.moved", counted);
}

}  // namespace
}  // namespace tvmedge::opencl
