// The OpenCL driver of this machine, found and loaded when first asked for.
#ifndef TVMEDGE_OPENCL_DRIVER_H_
#define TVMEDGE_OPENCL_DRIVER_H_

#include <string>
#include <vector>

#include "cl.h"

namespace tvmedge::opencl {

// The driver's functions; all of them or, without a driver, none.
struct Driver {
#define TVMEDGE_CL_POINTER(name, result, parameters) result(*name) parameters = nullptr;
  TVMEDGE_CL_FUNCTIONS(TVMEDGE_CL_POINTER)
#undef TVMEDGE_CL_POINTER
  std::string library;  // the file they come from
  std::string missing;  // why there is no driver; empty if there is one
};

// The driver, loaded once: TVMEDGE_OPENCL_LIBRARY if set, else the first of the usual names.
const Driver& driver();

// One device of one platform. `queue` runs commands in order.
struct Device {
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
  std::string name, platform, version;  // version: the driver's
  bool unified;                         // shares the host's memory
};

// GPUs and accelerators of all platforms; only where there is none of them, CPUs.
std::vector<Device>& devices();

// Whether a device knows an extension of OpenCL's, such as "cl_khr_fp16".
bool has_extension(cl_device_id id, const std::string& name);

// Why `devices` is empty, for a reader; empty where it is not.
std::string missing();

// A device's number; 0 where the driver does not know it.
template <typename T>
T device_number(cl_device_id id, cl_uint what) {
  T value = 0;
  if (driver().clGetDeviceInfo(id, what, sizeof(value), &value, nullptr) != CL_SUCCESS) return 0;
  return value;
}

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_DRIVER_H_
