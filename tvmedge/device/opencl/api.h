#ifndef TVMEDGE_OPENCL_API_H_
#define TVMEDGE_OPENCL_API_H_

namespace tvmedge::opencl {

// The device that this thread's kernels run on, set by TVM before it launches them.
int current_device();

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_API_H_
