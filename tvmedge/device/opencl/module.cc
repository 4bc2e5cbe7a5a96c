// Modules of OpenCL kernels: read from TVM's bytes, launched through packed functions.
//
// The bytes, little endian: str format; u64 n; n * {str key; str name; u64 + DLDataType[];
// u64 + str launch tags[]; u64 + i32 extra[]}; str source. A str is u64 + bytes. (TVM 0.27,
// src/backend/opencl/runtime/opencl_module.cc.)
#include <tvm/ffi/cast.h>
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/extra/module.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/function.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "api.h"
#include "buffer.h"
#include "guarded.h"
#include "program.h"
#include "raise.h"
#include "timer.h"

namespace tvmedge::opencl {
namespace {

using tvm::ffi::Bytes;
using tvm::ffi::Function;
using tvm::ffi::Module;
using tvm::ffi::Optional;
using tvm::ffi::String;

constexpr uint64_t kMost = 1 << 16;  // kernels of a module, arguments of a kernel

struct KernelSource {
  std::vector<DLDataType> arguments;
  std::vector<std::string> tags;  // blockIdx.x, threadIdx.y, ...: one launch argument each
  std::string source;
};

using Kernels = std::map<std::string, KernelSource>;

class Reader {
 public:
  explicit Reader(const Bytes& bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  template <typename T>
  T value() {
    require(sizeof(T));
    T read;
    std::memcpy(&read, at_, sizeof(T));
    at_ += sizeof(T);
    return read;
  }
  std::string text() {
    uint64_t size = value<uint64_t>();
    require(size);
    std::string read(at_, size);
    at_ += size;
    return read;
  }
  uint64_t count() {
    uint64_t read = value<uint64_t>();
    if (read > kMost) fail();
    return read;
  }

 private:
  void require(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - at_)) fail();
  }
  [[noreturn]] static void fail() {
    TVM_FFI_THROW(ValueError) << "OpenCL: a module of kernels is cut short or damaged";
    __builtin_unreachable();
  }
  const char* at_;
  const char* end_;
};

// Each kernel's source stands after a line that names it.
void give_sources(const std::string& code, Kernels* kernels) {
  const std::string mark = "// Function: ";
  for (size_t at = code.find(mark); at != std::string::npos;) {
    size_t line = code.find('\n', at);
    if (line == std::string::npos) return;
    size_t next = code.find(mark, line);
    auto found = kernels->find(code.substr(at + mark.size(), line - at - mark.size()));
    if (found != kernels->end()) {
      found->second.source = code.substr(line + 1, next == std::string::npos ? next : next - line - 1);
    }
    at = next;
  }
}

// Where a launch argument goes: 0 to 2 groups, 3 to 5 items of a group.
int launch_slot(const std::string& tag) {
  if (tag.size() == 10 && tag.compare(0, 9, "blockIdx.") == 0) return tag[9] - 'x';
  if (tag.size() == 11 && tag.compare(0, 10, "threadIdx.") == 0) return 3 + tag[10] - 'x';
  return -1;
}

// A kernel that was asked for: built for a device when it first runs there.
class Launcher {
 public:
  Launcher(std::string name, const KernelSource& kernel) : name_(std::move(name)), kernel_(kernel) {
    for (const std::string& tag : kernel_.tags) {
      int slot = launch_slot(tag);
      if (slot < 0 || slot > 5) {
        TVM_FFI_THROW(ValueError) << "OpenCL: kernel " << name_ << " is launched by " << tag;
      }
      slots_.push_back(slot);
    }
  }

  void operator()(tvm::ffi::PackedArgs arguments) {
    int index = current_device();
    if (static_cast<size_t>(index) >= devices().size()) {
      TVM_FFI_THROW(RuntimeError) << "OpenCL: " << missing();
    }
    if (arguments.size() != static_cast<int>(kernel_.arguments.size() + slots_.size())) {
      TVM_FFI_THROW(ValueError) << "OpenCL: kernel " << name_ << " takes another number of arguments";
    }
    std::lock_guard<std::mutex> lock(mutex_);  // a kernel's arguments are set, then it is queued
    Device& device = devices()[index];
    cl_kernel& kernel = built_[index];
    if (!kernel) kernel = build_kernel(device, name_, kernel_.source);
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) set(kernel, i, arguments[i]);
    launch(index, kernel, arguments);
  }

 private:
  void set(cl_kernel kernel, size_t i, tvm::ffi::AnyView value) {
    DLDataType type = kernel_.arguments[i];
    cl_int error;
    if (type.code == kDLOpaqueHandle) {
      cl_mem memory = static_cast<Buffer*>(value.cast<void*>())->memory;
      error = driver().clSetKernelArg(kernel, i, sizeof(memory), &memory);
    } else if (type.code == kDLFloat && type.bits == 32) {
      float number = static_cast<float>(value.cast<double>());
      error = driver().clSetKernelArg(kernel, i, sizeof(number), &number);
    } else {
      int64_t number = value.cast<int64_t>();  // little endian: its first bytes are the narrower
      error = driver().clSetKernelArg(kernel, i, type.bits / 8, &number);
    }
    if (error != CL_SUCCESS) {
      TVM_FFI_THROW(RuntimeError) << "OpenCL: kernel " << name_ << " refuses argument " << i << " ("
                                  << error << ")";
    }
  }

  void launch(int index, cl_kernel kernel, tvm::ffi::PackedArgs arguments) {
    size_t sizes[6] = {1, 1, 1, 1, 1, 1};
    for (size_t i = 0; i < slots_.size(); ++i) {
      int64_t size = arguments[kernel_.arguments.size() + i].cast<int64_t>();
      if (size <= 0) return;  // of an empty tensor
      sizes[slots_[i]] = static_cast<size_t>(size);
    }
    size_t global[3];
    for (int i = 0; i < 3; ++i) global[i] = sizes[i] * sizes[i + 3];
    cl_int error = driver().clEnqueueNDRangeKernel(devices()[index].queue, kernel, 3, nullptr,
                                                   global, sizes + 3, 0, nullptr,
                                                   event_slot(index));
    if (error != CL_SUCCESS) refuse(devices()[index], kernel, sizes + 3, error);
  }

  [[noreturn]] void refuse(const Device& device, cl_kernel kernel, const size_t* group,
                           cl_int error) {
    size_t most = 0;
    driver().clGetKernelWorkGroupInfo(kernel, device.id, CL_KERNEL_WORK_GROUP_SIZE, sizeof(most),
                                      &most, nullptr);
    size_t items = group[0] * group[1] * group[2];
    if (most && items > most) {
      TVM_FFI_THROW(RuntimeError) << "OpenCL: kernel " << name_ << " wants groups of " << items
                                  << " items, " << device.name << " takes at most " << most;
    }
    TVM_FFI_THROW(RuntimeError) << "OpenCL: kernel " << name_ << " could not be started on "
                                << device.name << ": " << meaning(error) << " (" << error << ")";
    __builtin_unreachable();
  }

  std::string name_;
  const KernelSource& kernel_;
  std::vector<int> slots_;
  std::mutex mutex_;
  std::map<int, cl_kernel> built_;
};

class KernelModule final : public tvm::ffi::ModuleObj {
 public:
  KernelModule(Bytes bytes, std::string code, Kernels kernels)
      : bytes_(std::move(bytes)), code_(std::move(code)), kernels_(std::move(kernels)) {}

  const char* kind() const final { return "opencl"; }
  int GetPropertyMask() const final { return Module::kBinarySerializable | Module::kRunnable; }
  Bytes SaveToBytes() const final { return bytes_; }
  String InspectSource(const String&) const final { return String(code_); }
  bool ImplementsFunction(const String& name) final { return kernels_.count(name) != 0; }

  Optional<Function> GetFunction(const String& name) final {
    auto found = kernels_.find(name);
    if (found == kernels_.end()) return std::nullopt;
    auto self = tvm::ffi::GetObjectPtr<KernelModule>(this);
    auto made = std::make_shared<std::unique_ptr<Launcher>>();
    return guarded(Function::FromPacked(
        [self, made, name = found->first, &kernel = found->second](
            tvm::ffi::PackedArgs arguments, tvm::ffi::Any*) {
          if (!*made) *made = std::make_unique<Launcher>(name, kernel);
          (**made)(arguments);
        }));
  }

 private:
  Bytes bytes_;
  std::string code_;
  Kernels kernels_;
};

Module load(const Bytes& bytes) {
  Reader reader(bytes);
  if (std::string format = reader.text(); format != "cl") {
    TVM_FFI_THROW(ValueError) << "OpenCL: kernels come as source (cl), not as " << format;
  }
  Kernels kernels;
  for (uint64_t left = reader.count(); left > 0; --left) {
    KernelSource& kernel = kernels[reader.text()];
    reader.text();
    for (uint64_t i = reader.count(); i > 0; --i) kernel.arguments.push_back(reader.value<DLDataType>());
    for (uint64_t i = reader.count(); i > 0; --i) kernel.tags.push_back(reader.text());
    for (uint64_t i = reader.count(); i > 0; --i) reader.value<int32_t>();
  }
  std::string code = reader.text();
  give_sources(code, &kernels);
  return Module(tvm::ffi::make_object<KernelModule>(bytes, std::move(code), std::move(kernels)));
}

TVM_FFI_STATIC_INIT_BLOCK() {
  register_global("ffi.Module.load_from_bytes.opencl", load);
}

}  // namespace
}  // namespace tvmedge::opencl
