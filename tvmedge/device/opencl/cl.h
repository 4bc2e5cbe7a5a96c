// The part of OpenCL 1.2 that the runtime calls, declared here because no package that a
// plain install has ships Khronos' headers. Names and values: the OpenCL 1.2 specification.
#ifndef TVMEDGE_OPENCL_CL_H_
#define TVMEDGE_OPENCL_CL_H_

#include <cstddef>
#include <cstdint>

extern "C" {

typedef struct _cl_platform_id* cl_platform_id;
typedef struct _cl_device_id* cl_device_id;
typedef struct _cl_context* cl_context;
typedef struct _cl_command_queue* cl_command_queue;
typedef struct _cl_mem* cl_mem;
typedef struct _cl_program* cl_program;
typedef struct _cl_kernel* cl_kernel;
typedef struct _cl_event* cl_event;

typedef int32_t cl_int;
typedef uint32_t cl_uint;
typedef uint64_t cl_ulong;
typedef uint32_t cl_bool;
typedef uint64_t cl_bitfield;
typedef intptr_t cl_context_properties;

}  // extern "C"

namespace tvmedge::opencl {

enum : cl_int {
  CL_SUCCESS = 0,
  CL_DEVICE_NOT_AVAILABLE = -2,
  CL_MEM_OBJECT_ALLOCATION_FAILURE = -4,
  CL_OUT_OF_RESOURCES = -5,
  CL_OUT_OF_HOST_MEMORY = -6,
  CL_INVALID_COMMAND_QUEUE = -36,
  CL_INVALID_BUFFER_SIZE = -61,
};

enum : cl_uint {
  CL_PLATFORM_NAME = 0x0902,
  CL_DEVICE_MAX_COMPUTE_UNITS = 0x1002,
  CL_DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
  CL_DEVICE_MAX_WORK_ITEM_SIZES = 0x1005,
  CL_DEVICE_MAX_CLOCK_FREQUENCY = 0x100C,
  CL_DEVICE_GLOBAL_MEM_SIZE = 0x101F,
  CL_DEVICE_LOCAL_MEM_SIZE = 0x1023,
  CL_DEVICE_NAME = 0x102B,
  CL_DRIVER_VERSION = 0x102D,
  CL_DEVICE_VERSION = 0x102F,
  CL_DEVICE_EXTENSIONS = 0x1030,
  CL_DEVICE_HOST_UNIFIED_MEMORY = 0x1035,
  CL_PROGRAM_BINARY_SIZES = 0x1165,
  CL_PROGRAM_BINARIES = 0x1166,
  CL_PROGRAM_BUILD_LOG = 0x1183,
  CL_KERNEL_WORK_GROUP_SIZE = 0x11B0,
  CL_PROFILING_COMMAND_START = 0x1282,
  CL_PROFILING_COMMAND_END = 0x1283,
};

enum : cl_bitfield {
  CL_DEVICE_TYPE_CPU = 1 << 1,
  CL_DEVICE_TYPE_GPU = 1 << 2,
  CL_DEVICE_TYPE_ACCELERATOR = 1 << 3,
  CL_QUEUE_PROFILING_ENABLE = 1 << 1,
  CL_MEM_READ_WRITE = 1 << 0,
  CL_MEM_ALLOC_HOST_PTR = 1 << 4,
  CL_MAP_READ = 1 << 0,
  CL_MAP_WRITE = 1 << 1,
};

// Every function that is called: name, result, parameters.
#define TVMEDGE_CL_FUNCTIONS(F)                                                                    \
  F(clGetPlatformIDs, cl_int, (cl_uint, cl_platform_id*, cl_uint*))                                \
  F(clGetPlatformInfo, cl_int, (cl_platform_id, cl_uint, size_t, void*, size_t*))                  \
  F(clGetDeviceIDs, cl_int, (cl_platform_id, cl_bitfield, cl_uint, cl_device_id*, cl_uint*))       \
  F(clGetDeviceInfo, cl_int, (cl_device_id, cl_uint, size_t, void*, size_t*))                      \
  F(clCreateContext, cl_context,                                                                   \
    (const cl_context_properties*, cl_uint, const cl_device_id*,                                   \
     void (*)(const char*, const void*, size_t, void*), void*, cl_int*))                           \
  F(clCreateCommandQueue, cl_command_queue, (cl_context, cl_device_id, cl_bitfield, cl_int*))      \
  F(clCreateBuffer, cl_mem, (cl_context, cl_bitfield, size_t, void*, cl_int*))                     \
  F(clReleaseMemObject, cl_int, (cl_mem))                                                          \
  F(clEnqueueReadBuffer, cl_int,                                                                   \
    (cl_command_queue, cl_mem, cl_bool, size_t, size_t, void*, cl_uint, const cl_event*,           \
     cl_event*))                                                                                   \
  F(clEnqueueWriteBuffer, cl_int,                                                                  \
    (cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void*, cl_uint, const cl_event*,     \
     cl_event*))                                                                                   \
  F(clEnqueueCopyBuffer, cl_int,                                                                   \
    (cl_command_queue, cl_mem, cl_mem, size_t, size_t, size_t, cl_uint, const cl_event*,           \
     cl_event*))                                                                                   \
  F(clEnqueueMapBuffer, void*,                                                                     \
    (cl_command_queue, cl_mem, cl_bool, cl_bitfield, size_t, size_t, cl_uint, const cl_event*,     \
     cl_event*, cl_int*))                                                                          \
  F(clEnqueueUnmapMemObject, cl_int,                                                               \
    (cl_command_queue, cl_mem, void*, cl_uint, const cl_event*, cl_event*))                        \
  F(clEnqueueNDRangeKernel, cl_int,                                                                \
    (cl_command_queue, cl_kernel, cl_uint, const size_t*, const size_t*, const size_t*, cl_uint,   \
     const cl_event*, cl_event*))                                                                  \
  F(clFinish, cl_int, (cl_command_queue))                                                          \
  F(clCreateProgramWithSource, cl_program,                                                         \
    (cl_context, cl_uint, const char**, const size_t*, cl_int*))                                   \
  F(clCreateProgramWithBinary, cl_program,                                                         \
    (cl_context, cl_uint, const cl_device_id*, const size_t*, const unsigned char**, cl_int*,      \
     cl_int*))                                                                                     \
  F(clBuildProgram, cl_int,                                                                        \
    (cl_program, cl_uint, const cl_device_id*, const char*, void (*)(cl_program, void*), void*))   \
  F(clGetProgramInfo, cl_int, (cl_program, cl_uint, size_t, void*, size_t*))                       \
  F(clGetProgramBuildInfo, cl_int, (cl_program, cl_device_id, cl_uint, size_t, void*, size_t*))    \
  F(clReleaseProgram, cl_int, (cl_program))                                                        \
  F(clCreateKernel, cl_kernel, (cl_program, const char*, cl_int*))                                 \
  F(clSetKernelArg, cl_int, (cl_kernel, cl_uint, size_t, const void*))                             \
  F(clGetKernelWorkGroupInfo, cl_int,                                                              \
    (cl_kernel, cl_device_id, cl_uint, size_t, void*, size_t*))                                    \
  F(clGetEventProfilingInfo, cl_int, (cl_event, cl_uint, size_t, void*, size_t*))                  \
  F(clReleaseEvent, cl_int, (cl_event))

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_CL_H_
