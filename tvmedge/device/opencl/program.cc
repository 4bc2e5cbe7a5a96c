#include "program.h"

#include <tvm/ffi/error.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "raise.h"

namespace tvmedge::opencl {
namespace {

constexpr const char kMagic[] = "tvmedge-opencl-1\n";
constexpr size_t kMostBytes = 64u << 20;  // of one file in the cache
constexpr size_t kHash = 16;
constexpr size_t kLogShown = 2000;

// All that a built program depends on; the file holds it, so equal hashes do no harm.
std::string key_of(const Device& device, const std::string& source) {
  std::string key = kMagic;
  for (const std::string* part : {&device.platform, &device.name, &device.version}) {
    key += *part;
    key += '\n';
  }
  return key + source;
}

// FNV-1a, in hexadecimal.
std::string hash(const std::string& bytes) {
  uint64_t value = 0xcbf29ce484222325u;
  for (unsigned char byte : bytes) value = (value ^ byte) * 0x100000001b3u;
  char text[20];
  snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string cache_file(const std::string& key) {
  const char* folder = std::getenv("TVMEDGE_OPENCL_CACHE");
  if (!folder || !*folder) return "";
  return std::string(folder) + "/" + hash(key) + ".bin";
}

// The program in a file that begins with `key` and the program's hash; empty if there is none,
// or a damaged one: drivers crash on those.
std::string read_binary(const std::string& path, const std::string& key) {
  FILE* file = path.empty() ? nullptr : std::fopen(path.c_str(), "rb");
  if (!file) return "";
  std::string content;
  char piece[65536];
  for (size_t got; (got = std::fread(piece, 1, sizeof(piece), file)) > 0;) {
    content.append(piece, got);
    if (content.size() > kMostBytes) break;
  }
  std::fclose(file);
  if (content.size() > kMostBytes || content.compare(0, key.size(), key) != 0) return "";
  std::string binary = content.substr(std::min(content.size(), key.size() + kHash));
  return content.compare(key.size(), kHash, hash(binary)) == 0 ? binary : "";
}

// Written beside and renamed, so that readers see all of it or nothing. A cache that cannot be
// written costs time, nothing else.
void write_binary(const std::string& path, const std::string& key, cl_program program) {
  size_t size = 0;
  const Driver& cl = driver();
  if (path.empty() ||
      cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr) ||
      size == 0 || size > kMostBytes - key.size()) {
    return;
  }
  std::string binary(size, '\0');
  char* into[] = {binary.data()};
  if (cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(into), into, nullptr)) return;
  std::string temporary = path + "." + std::to_string(getpid());
  FILE* file = std::fopen(temporary.c_str(), "wb");
  if (!file) return;
  std::string content = key + hash(binary) + binary;
  bool whole = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  whole = std::fclose(file) == 0 && whole;
  if (!whole || std::rename(temporary.c_str(), path.c_str()) != 0) std::remove(temporary.c_str());
}

std::string build_log(const Device& device, cl_program program) {
  size_t size = 0;
  const Driver& cl = driver();
  cl.clGetProgramBuildInfo(program, device.id, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size < kMostBytes ? size : 0, '\0');
  cl.clGetProgramBuildInfo(program, device.id, CL_PROGRAM_BUILD_LOG, log.size(), log.data(),
                           nullptr);
  log.resize(std::strlen(log.c_str()));
  return log.substr(0, kLogShown);
}

cl_program from_binary(const Device& device, const std::string& binary) {
  if (binary.empty()) return nullptr;
  const Driver& cl = driver();
  const auto* bytes = reinterpret_cast<const unsigned char*>(binary.data());
  size_t size = binary.size();
  cl_int error = CL_SUCCESS;
  cl_program program =
      cl.clCreateProgramWithBinary(device.context, 1, &device.id, &size, &bytes, nullptr, &error);
  if (error != CL_SUCCESS) return nullptr;
  if (cl.clBuildProgram(program, 1, &device.id, "", nullptr, nullptr) == CL_SUCCESS) return program;
  cl.clReleaseProgram(program);
  return nullptr;
}

cl_program from_source(const Device& device, const std::string& name, const std::string& source) {
  const Driver& cl = driver();
  const char* text = source.c_str();
  size_t size = source.size();
  cl_int error = CL_SUCCESS;
  cl_program program = cl.clCreateProgramWithSource(device.context, 1, &text, &size, &error);
  if (error != CL_SUCCESS) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: no program for kernel " << name << ": "
                                << meaning(error) << " (" << error << ")";
  }
  error = cl.clBuildProgram(program, 1, &device.id, "", nullptr, nullptr);
  if (error != CL_SUCCESS) {
    std::string log = build_log(device, program);
    cl.clReleaseProgram(program);
    TVM_FFI_THROW(RuntimeError) << "OpenCL: kernel " << name << " does not build for "
                                << device.name << " (driver " << device.version << ", error "
                                << error << "): " << log;
  }
  return program;
}

}  // namespace

cl_kernel build_kernel(const Device& device, const std::string& name, const std::string& source) {
  std::string key = key_of(device, source);
  std::string path = cache_file(key);
  cl_program program = from_binary(device, read_binary(path, key));
  if (!program) {
    program = from_source(device, name, source);
    write_binary(path, key, program);
  }
  cl_int error = CL_SUCCESS;
  cl_kernel kernel = driver().clCreateKernel(program, name.c_str(), &error);
  driver().clReleaseProgram(program);  // the kernel keeps it
  if (error != CL_SUCCESS) {
    TVM_FFI_THROW(RuntimeError) << "OpenCL: the program of kernel " << name << " has no such kernel"
                                << " (" << error << ")";
  }
  return kernel;
}

}  // namespace tvmedge::opencl
