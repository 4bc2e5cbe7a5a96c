// Functions that TVM calls through tvm_ffi's C interface only.
//
// A packed function has two entries: one in C, which turns exceptions into error objects, and
// one in C++, which callers prefer and which lets exceptions out. TVM's wheel is built with
// libstdc++, this library with libc++: one's exception ends the other's process.
#ifndef TVMEDGE_OPENCL_GUARDED_H_
#define TVMEDGE_OPENCL_GUARDED_H_

#include <tvm/ffi/function.h>

#include <utility>

namespace tvmedge::opencl {

// The same function without an entry in C++.
inline tvm::ffi::Function guarded(tvm::ffi::Function function) {
  using tvm::ffi::Function;
  auto call = [](void* self, const TVMFFIAny* arguments, int32_t count, TVMFFIAny* result) -> int {
    const Function& inner = *static_cast<Function*>(self);
    return inner.get()->safe_call(const_cast<tvm::ffi::FunctionObj*>(inner.get()), arguments, count,
                                  result);
  };
  auto* inner = new Function(std::move(function));
  return Function::FromExternC(inner, call, [](void* self) { delete static_cast<Function*>(self); });
}

// Make a function known to TVM under a global name.
template <typename Callable>
void register_global(const char* name, Callable callable) {
  tvm::ffi::Function::SetGlobal(name,
                                guarded(tvm::ffi::Function::FromTyped(std::move(callable))));
}

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_GUARDED_H_
