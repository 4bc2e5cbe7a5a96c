#include "driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace tvmedge::opencl {
namespace {

// Loaders of the Khronos kind come first; they know every driver that is installed.
const char* const kLibraries[] = {
    "libOpenCL.so.1",
    "libOpenCL.so",
    "libmali.so.1",
    "libmali.so",
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/system/vendor/lib64/egl/libGLES_mali.so",
};

bool bind(void* handle, const char* library, Driver* found) {
  const char* lacking = nullptr;
#define TVMEDGE_CL_BIND(name, result, parameters)                                 \
  found->name = reinterpret_cast<result(*) parameters>(dlsym(handle, #name)); \
  if (!found->name) lacking = #name;
  TVMEDGE_CL_FUNCTIONS(TVMEDGE_CL_BIND)
#undef TVMEDGE_CL_BIND
  found->library = library;
  if (lacking) found->missing = std::string(library) + " is no OpenCL 1.2 driver: it lacks " + lacking;
  return !lacking;
}

Driver* load() {
  auto* found = new Driver();
  std::string tried;
  auto attempt = [&](const char* library) {
    void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle) return bind(handle, library, found);
    const char* reason = dlerror();
    tried = tried.empty() ? library : tried + ", " + library;
    found->missing = std::string("no OpenCL driver could be loaded (tried ") + tried + "; " +
                     (reason ? reason : "unknown reason") + ")";
    return false;
  };
  if (const char* chosen = std::getenv("TVMEDGE_OPENCL_LIBRARY")) {
    if (attempt(chosen)) found->missing.clear();
    return found;
  }
  for (const char* library : kLibraries) {
    if (attempt(library)) {
      found->missing.clear();
      break;
    }
  }
  return found;
}

template <typename Get, typename Of>
std::string text(Get get, Of of, cl_uint what) {
  char buffer[512] = {0};
  if (get(of, what, sizeof(buffer) - 1, buffer, nullptr) != CL_SUCCESS) return "unknown";
  return buffer;
}

void add(cl_platform_id platform, cl_bitfield kind, std::vector<Device>* found) {
  const Driver& cl = driver();
  cl_uint count = 0;
  if (cl.clGetDeviceIDs(platform, kind, 0, nullptr, &count) != CL_SUCCESS || !count) return;
  std::vector<cl_device_id> ids(count);
  if (cl.clGetDeviceIDs(platform, kind, count, ids.data(), nullptr) != CL_SUCCESS) return;
  for (cl_device_id id : ids) {
    cl_int error = CL_SUCCESS;
    cl_context context = cl.clCreateContext(nullptr, 1, &id, nullptr, nullptr, &error);
    if (error != CL_SUCCESS) continue;
    cl_command_queue queue = cl.clCreateCommandQueue(context, id, 0, &error);
    if (error != CL_SUCCESS) continue;
    found->push_back({id, context, queue, text(cl.clGetDeviceInfo, id, CL_DEVICE_NAME),
                      text(cl.clGetPlatformInfo, platform, CL_PLATFORM_NAME),
                      text(cl.clGetDeviceInfo, id, CL_DRIVER_VERSION),
                      device_number<cl_bool>(id, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0});
  }
}

std::vector<Device>* enumerate() {
  auto* found = new std::vector<Device>();
  if (!driver().missing.empty()) return found;
  cl_uint count = 0;
  if (driver().clGetPlatformIDs(0, nullptr, &count) != CL_SUCCESS || !count) return found;
  std::vector<cl_platform_id> platforms(count);
  driver().clGetPlatformIDs(count, platforms.data(), nullptr);
  for (cl_bitfield kind : {CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR, CL_DEVICE_TYPE_CPU + 0}) {
    for (cl_platform_id platform : platforms) add(platform, kind, found);
    if (!found->empty()) break;
  }
  return found;
}

}  // namespace

const Driver& driver() {
  static const Driver* loaded = load();  // never unloaded: drivers have threads of their own
  return *loaded;
}

std::vector<Device>& devices() {
  static std::vector<Device>* found = enumerate();
  return *found;
}

bool has_extension(cl_device_id id, const std::string& name) {
  size_t size = 0;
  if (driver().clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, 0, nullptr, &size) != CL_SUCCESS) return false;
  std::string known(size, ' ');
  if (driver().clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, size, known.data(), nullptr) != CL_SUCCESS) {
    return false;
  }
  known = " " + known.substr(0, known.find('\0')) + " ";
  return known.find(" " + name + " ") != std::string::npos;
}

std::string missing() {
  if (!devices().empty()) return "";
  if (!driver().missing.empty()) return driver().missing;
  return driver().library + " knows no device: its driver is not installed, or cannot be used here";
}

}  // namespace tvmedge::opencl
