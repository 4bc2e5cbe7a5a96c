// What TVM's runtime asks of a kind of device. Virtual functions here are called from frames
// that cannot take our exceptions: they call functions that throw nothing, then `raise_in_tvm`.
// Those are kept apart (TVMEDGE_APART), since one that is inlined brings along what ends the process
// when something is thrown through it.
#include <tvm/ffi/cast.h>
#include <tvm/runtime/device_api.h>

#include <cstdio>

#include "api.h"
#include "buffer.h"
#include "driver.h"
#include "guarded.h"
#include "raise.h"

namespace tvmedge::opencl {
namespace {

using tvm::runtime::DeviceAttrKind;

#define TVMEDGE_APART [[gnu::noinline]]

thread_local int current = 0;

TVMEDGE_APART bool exists(DLDevice device) noexcept {
  return device.device_id >= 0 && static_cast<size_t>(device.device_id) < devices().size();
}

// An attribute that is a number, or -1 for one that is not known.
int64_t number(const Device& device, DeviceAttrKind kind) noexcept {
  switch (kind) {
    case tvm::runtime::kMaxThreadsPerBlock:
      return static_cast<int64_t>(device_number<size_t>(device.id, CL_DEVICE_MAX_WORK_GROUP_SIZE));
    case tvm::runtime::kWarpSize:
      return 1;
    case tvm::runtime::kMaxSharedMemoryPerBlock:
      return static_cast<int64_t>(device_number<cl_ulong>(device.id, CL_DEVICE_LOCAL_MEM_SIZE));
    case tvm::runtime::kMaxClockRate:  // kHz
      return 1000 * int64_t{device_number<cl_uint>(device.id, CL_DEVICE_MAX_CLOCK_FREQUENCY)};
    case tvm::runtime::kMultiProcessorCount:
      return device_number<cl_uint>(device.id, CL_DEVICE_MAX_COMPUTE_UNITS);
    case tvm::runtime::kTotalGlobalMemory:
      return static_cast<int64_t>(device_number<cl_ulong>(device.id, CL_DEVICE_GLOBAL_MEM_SIZE));
    default:
      return -1;
  }
}

// A list in JSON, as TVM reads it.
tvm::ffi::String group_limits(const Device& device) noexcept {
  size_t most[3] = {1, 1, 1};
  driver().clGetDeviceInfo(device.id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof(most), most, nullptr);
  char text[80];
  snprintf(text, sizeof(text), "[%zu, %zu, %zu]", most[0], most[1], most[2]);
  return tvm::ffi::String(text);
}

TVMEDGE_APART void attribute(const Device& device, DeviceAttrKind kind, tvm::ffi::Any* result) noexcept {
  if (kind == tvm::runtime::kDeviceName) {
    *result = tvm::ffi::String(device.name);
  } else if (kind == tvm::runtime::kDriverVersion || kind == tvm::runtime::kComputeVersion) {
    *result = tvm::ffi::String(device.version);
  } else if (kind == tvm::runtime::kMaxThreadDimensions) {
    *result = group_limits(device);
  } else if (int64_t value = number(device, kind); value >= 0) {
    *result = value;
  }
}

TVMEDGE_APART cl_int copy(const void* from, size_t from_offset, void* to, size_t to_offset, size_t size,
            DLDevice from_device, DLDevice to_device) noexcept {
  if (size == 0) return CL_SUCCESS;
  auto* source = static_cast<const Buffer*>(from);
  auto* target = static_cast<Buffer*>(to);
  if (from_device.device_type != kDLOpenCL) {
    return write_buffer(to_device.device_id, target, to_offset,
                        static_cast<const char*>(from) + from_offset, size);
  }
  if (to_device.device_type != kDLOpenCL) {
    return read_buffer(from_device.device_id, source, from_offset,
                       static_cast<char*>(to) + to_offset, size);
  }
  return copy_buffer(to_device.device_id, source, from_offset, target, to_offset, size);
}

class DeviceApi final : public tvm::runtime::DeviceAPI {
 public:
  void SetDevice(DLDevice device) final {
    if (!exists(device)) raise_in_tvm("OpenCL: there is no device %d", device.device_id);
    current = device.device_id;
  }

  void GetAttr(DLDevice device, DeviceAttrKind kind, tvm::ffi::Any* result) final {
    if (kind == tvm::runtime::kExist) {
      *result = static_cast<int64_t>(exists(device));
    } else if (exists(device)) {
      attribute(devices()[device.device_id], kind, result);
    }
  }

  using DeviceAPI::AllocDataSpace;
  void* AllocDataSpace(DLDevice device, size_t size, size_t, DLDataType) final {
    if (!exists(device)) raise_in_tvm("OpenCL: there is no device %d", device.device_id);
    cl_int error = CL_SUCCESS;
    Buffer* buffer = take_buffer(device.device_id, size, &error);
    if (!buffer) {
      raise_in_tvm("OpenCL: no room for %zu bytes on %s: %s (%d)", size,
                   devices()[device.device_id].name.c_str(), meaning(error), error);
    }
    return buffer;
  }

  void FreeDataSpace(DLDevice device, void* buffer) final {
    give_buffer(device.device_id, static_cast<Buffer*>(buffer));
  }

  void StreamSync(DLDevice device, TVMStreamHandle) final {
    if (!exists(device)) raise_in_tvm("OpenCL: there is no device %d", device.device_id);
    cl_int error = driver().clFinish(devices()[device.device_id].queue);
    if (error != CL_SUCCESS) {
      raise_in_tvm("OpenCL: %s did not finish its work: %s (%d)",
                   devices()[device.device_id].name.c_str(), meaning(error), error);
    }
  }

  using DeviceAPI::CopyDataFromTo;

 protected:
  void CopyDataFromTo(const void* from, size_t from_offset, void* to, size_t to_offset,
                      size_t size, DLDevice from_device, DLDevice to_device, DLDataType,
                      TVMStreamHandle) final {
    cl_int error = copy(from, from_offset, to, to_offset, size, from_device, to_device);
    if (error != CL_SUCCESS) {
      raise_in_tvm("OpenCL: could not copy %zu bytes: %s (%d)", size, meaning(error), error);
    }
  }
};

// Why there is no device, or nothing; then for each device its name, platform and driver.
tvm::ffi::String status() { return tvm::ffi::String(missing()); }

tvm::ffi::String describe(int64_t index) {
  const Device& device = devices().at(index);
  return tvm::ffi::String(device.name + " (" + device.platform + ", driver " + device.version +
                          ", " + driver().library + ")");
}

bool has_half(int64_t index) { return has_extension(devices().at(index).id, "cl_khr_fp16"); }

void* api() {
  static auto* only = new DeviceApi();
  return static_cast<tvm::runtime::DeviceAPI*>(only);
}

TVM_FFI_STATIC_INIT_BLOCK() {
  register_global("device_api.opencl", api);
  register_global("tvmedge.opencl.status", status);
  register_global("tvmedge.opencl.count", []() { return static_cast<int64_t>(devices().size()); });
  register_global("tvmedge.opencl.describe", describe);
  register_global("tvmedge.opencl.has_half", has_half);
}

}  // namespace

int current_device() { return current; }

}  // namespace tvmedge::opencl
