// Errors out of functions that TVM calls without a net.
//
// TVM's wheel is built with libstdc++, this library with libc++: a C++ exception of ours may
// not leave it. Functions behind tvm_ffi's C interface turn theirs into error objects; virtual
// functions (DeviceAPI, TimerNode) cannot. Those call `raise_in_tvm`, which lets TVM throw an
// exception of its own: it passes through frames here that have nothing to clean up.
#ifndef TVMEDGE_OPENCL_RAISE_H_
#define TVMEDGE_OPENCL_RAISE_H_

#include "cl.h"

namespace tvmedge::opencl {

// What TVM's error says. No destructor may be pending in the calling function.
[[noreturn]] void raise_in_tvm(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What a driver's error code means, for a reader.
const char* meaning(cl_int error);

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_RAISE_H_
