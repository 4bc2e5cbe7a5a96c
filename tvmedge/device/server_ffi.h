// Small helpers over the tvm_ffi C ABI (tvm/ffi/c_api.h), the only interface used here.
#ifndef TVMEDGE_SERVER_FFI_H_
#define TVMEDGE_SERVER_FFI_H_

#include <tvm/ffi/c_api.h>

TVMFFIAny ffi_none(void);
TVMFFIAny ffi_int(int64_t value);
TVMFFIAny ffi_string(const char *borrowed);
TVMFFIAny ffi_object(int32_t type_index, TVMFFIObjectHandle borrowed);

// The bytes of a string or bytes argument that is stored apart, else NULL.
const TVMFFIByteArray *ffi_bytes(const TVMFFIAny *value);

// Copies a string argument of any form, NUL-terminated; returns -1 when it is not a
// string, holds a NUL, or does not fit.
int ffi_copy_string(const TVMFFIAny *value, char *out, size_t size);

// A global function of the runtime, NULL when there is none.
TVMFFIObjectHandle ffi_global(const char *name);

// The function that a module has by this name; -1 with an error raised when it has none.
int ffi_method(const TVMFFIAny *module, const char *name, TVMFFIAny *function);

// Wraps a C callback; NULL on failure.
TVMFFIObjectHandle ffi_function(void *self, TVMFFISafeCallType call);

// Registers a C callback under a global name.
int ffi_register(const char *name, void *self, TVMFFISafeCallType call);

// Sets the error that the caller of a callback sees; returns -1 to be returned in turn.
int ffi_raise(const char *kind, const char *message);

// Logs and clears the error raised by a failed call.
void ffi_log_raised(const char *what);

// Drops one reference to the object a value holds, if it holds one.
void ffi_release(TVMFFIAny *value);

#endif  // TVMEDGE_SERVER_FFI_H_
