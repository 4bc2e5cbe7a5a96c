// Memory on a device: what a tensor's data pointer points to.
#ifndef TVMEDGE_OPENCL_BUFFER_H_
#define TVMEDGE_OPENCL_BUFFER_H_

#include <cstddef>

#include "cl.h"

namespace tvmedge::opencl {

struct Buffer {
  cl_mem memory;
  size_t size;
};

// A buffer of at least `size` bytes for device `index`: one that was given back, if it fits,
// else a new one. Null with *error set where the device has no room.
Buffer* take_buffer(int index, size_t size, cl_int* error) noexcept;

// Keep a buffer for the next that asks for its size. Commands run in order, so what is still
// queued is done with it before the next user's begin.
void give_buffer(int index, Buffer* buffer) noexcept;

// Copies that wait until the data is there. Offsets and sizes are in bytes.
cl_int read_buffer(int index, const Buffer* from, size_t offset, void* to, size_t size) noexcept;
cl_int write_buffer(int index, Buffer* to, size_t offset, const void* from, size_t size) noexcept;
cl_int copy_buffer(int index, const Buffer* from, size_t from_offset, Buffer* to,
                   size_t to_offset, size_t size) noexcept;

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_BUFFER_H_
