// Kernels, built from source for a device, or from what an earlier process built.
#ifndef TVMEDGE_OPENCL_PROGRAM_H_
#define TVMEDGE_OPENCL_PROGRAM_H_

#include <string>

#include "driver.h"

namespace tvmedge::opencl {

// The kernel `name` of `source`. Built programs are kept in the folder TVMEDGE_OPENCL_CACHE,
// if set, in files that say which driver, device and source they are of.
//
// Throws a RuntimeError with the compiler's words if it does not build.
cl_kernel build_kernel(const Device& device, const std::string& name, const std::string& source);

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_PROGRAM_H_
