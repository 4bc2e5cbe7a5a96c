#include "buffer.h"

#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <new>

#include "driver.h"
#include "timer.h"

namespace tvmedge::opencl {
namespace {

constexpr size_t kKept = 256u << 20;   // bytes given back that a device keeps at most

struct Pool {
  std::mutex mutex;
  std::multimap<size_t, Buffer*> free;
  size_t kept = 0;
};

Pool& pool(int index) {
  static auto* all = new std::deque<Pool>(devices().size());
  return (*all)[index];
}

void release(Buffer* buffer) {
  driver().clReleaseMemObject(buffer->memory);
  delete buffer;
}

void empty(Pool& pool) {
  for (auto& entry : pool.free) release(entry.second);
  pool.free.clear();
  pool.kept = 0;
}

Buffer* allocate(int index, size_t size, cl_int* error) {
  const Device& device = devices()[index];
  if (size > device_number<cl_ulong>(device.id, CL_DEVICE_GLOBAL_MEM_SIZE)) {
    *error = CL_INVALID_BUFFER_SIZE;  // drivers may promise what they do not have
    return nullptr;
  }
  // Where memory is shared, it can be mapped instead of copied if the driver places it.
  cl_bitfield flags = CL_MEM_READ_WRITE | (device.unified ? CL_MEM_ALLOC_HOST_PTR : 0);
  cl_mem memory = driver().clCreateBuffer(device.context, flags, size, nullptr, error);
  if (*error != CL_SUCCESS) return nullptr;
  auto* made = new (std::nothrow) Buffer{memory, size};
  if (!made) {
    driver().clReleaseMemObject(memory);
    *error = CL_OUT_OF_HOST_MEMORY;
  }
  return made;
}

// The bytes of a buffer, copied through a mapping where memory is shared.
template <typename Copy>
cl_int mapped(int index, cl_mem memory, cl_bitfield how, size_t offset, size_t size, Copy copy) {
  cl_command_queue queue = devices()[index].queue;
  cl_int error = CL_SUCCESS;
  void* bytes = driver().clEnqueueMapBuffer(queue, memory, 1, how, offset, size, 0, nullptr,
                                            nullptr, &error);
  if (error != CL_SUCCESS) return error;
  copy(bytes);
  return driver().clEnqueueUnmapMemObject(queue, memory, bytes, 0, nullptr, nullptr);
}

bool inside(const Buffer* buffer, size_t offset, size_t size) {
  return offset <= buffer->size && size <= buffer->size - offset;
}

}  // namespace

Buffer* take_buffer(int index, size_t size, cl_int* error) noexcept {
  size = size ? size : 1;  // as large as asked for, so that checkers see what goes beyond
  Pool& from = pool(index);
  std::lock_guard<std::mutex> lock(from.mutex);
  if (auto found = from.free.find(size); found != from.free.end()) {
    Buffer* buffer = found->second;
    from.free.erase(found);
    from.kept -= size;
    return buffer;
  }
  Buffer* made = allocate(index, size, error);
  if (!made && !from.free.empty()) {
    driver().clFinish(devices()[index].queue);
    empty(from);
    made = allocate(index, size, error);
  }
  return made;
}

void give_buffer(int index, Buffer* buffer) noexcept {
  Pool& to = pool(index);
  std::lock_guard<std::mutex> lock(to.mutex);
  if (buffer->size > kKept - to.kept) {
    driver().clFinish(devices()[index].queue);
    release(buffer);
    return;
  }
  to.kept += buffer->size;
  to.free.emplace(buffer->size, buffer);
}

cl_int read_buffer(int index, const Buffer* from, size_t offset, void* to, size_t size) noexcept {
  if (!inside(from, offset, size)) return CL_INVALID_BUFFER_SIZE;
  if (devices()[index].unified) {
    return mapped(index, from->memory, CL_MAP_READ, offset, size,
                  [&](void* bytes) { std::memcpy(to, bytes, size); });
  }
  return driver().clEnqueueReadBuffer(devices()[index].queue, from->memory, 1, offset, size, to, 0,
                                      nullptr, nullptr);
}

cl_int write_buffer(int index, Buffer* to, size_t offset, const void* from, size_t size) noexcept {
  if (!inside(to, offset, size)) return CL_INVALID_BUFFER_SIZE;
  if (devices()[index].unified) {
    return mapped(index, to->memory, CL_MAP_WRITE, offset, size,
                  [&](void* bytes) { std::memcpy(bytes, from, size); });
  }
  return driver().clEnqueueWriteBuffer(devices()[index].queue, to->memory, 1, offset, size, from,
                                       0, nullptr, nullptr);
}

cl_int copy_buffer(int index, const Buffer* from, size_t from_offset, Buffer* to,
                   size_t to_offset, size_t size) noexcept {
  if (!inside(from, from_offset, size) || !inside(to, to_offset, size)) {
    return CL_INVALID_BUFFER_SIZE;
  }
  return driver().clEnqueueCopyBuffer(devices()[index].queue, from->memory, to->memory,
                                      from_offset, to_offset, size, 0, nullptr,
                                      event_slot(index));
}

}  // namespace tvmedge::opencl
