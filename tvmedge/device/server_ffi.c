#include "server_ffi.h"

#include <string.h>

#include "server_log.h"

TVMFFIAny ffi_none(void) {
  TVMFFIAny value;
  memset(&value, 0, sizeof value);
  value.type_index = kTVMFFINone;
  return value;
}

TVMFFIAny ffi_int(int64_t number) {
  TVMFFIAny value = ffi_none();
  value.type_index = kTVMFFIInt;
  value.v_int64 = number;
  return value;
}

TVMFFIAny ffi_string(const char *borrowed) {
  TVMFFIAny value = ffi_none();
  value.type_index = kTVMFFIRawStr;
  value.v_c_str = borrowed;
  return value;
}

TVMFFIAny ffi_object(int32_t type_index, TVMFFIObjectHandle borrowed) {
  TVMFFIAny value = ffi_none();
  value.type_index = type_index;
  value.v_obj = borrowed;
  return value;
}

const TVMFFIByteArray *ffi_bytes(const TVMFFIAny *value) {
  switch (value->type_index) {
    case kTVMFFIByteArrayPtr:
      return value->v_ptr;
    case kTVMFFIStr:
    case kTVMFFIBytes:
      // The byte array follows the object's header.
      return (const TVMFFIByteArray *)(value->v_obj + 1);
    default:
      return NULL;
  }
}

int ffi_copy_string(const TVMFFIAny *value, char *out, size_t size) {
  const char *data;
  size_t length;
  if (value->type_index == kTVMFFIRawStr) {
    data = value->v_c_str;
    length = strnlen(data, size);
  } else if (value->type_index == kTVMFFISmallStr) {
    data = value->v_bytes;
    length = value->small_str_len;
  } else if (value->type_index == kTVMFFIStr) {
    const TVMFFIByteArray *bytes = ffi_bytes(value);
    data = bytes->data;
    length = bytes->size;
  } else {
    return -1;
  }
  if (length >= size || memchr(data, 0, length) != NULL) return -1;
  memcpy(out, data, length);
  out[length] = 0;
  return 0;
}

TVMFFIObjectHandle ffi_global(const char *name) {
  TVMFFIByteArray bytes = {name, strlen(name)};
  TVMFFIObjectHandle function = NULL;
  if (TVMFFIFunctionGetGlobal(&bytes, &function) != 0) return NULL;
  return function;
}

int ffi_method(const TVMFFIAny *module, const char *name, TVMFFIAny *function) {
  TVMFFIObjectHandle get_function = ffi_global("ffi.ModuleGetFunction");
  if (get_function == NULL) return ffi_raise("RuntimeError", "the runtime lacks modules");
  TVMFFIAny query[3] = {*module, ffi_string(name), ffi_int(0)};
  query[2].type_index = kTVMFFIBool;
  int status = TVMFFIFunctionCall(get_function, query, 3, function);
  TVMFFIObjectDecRef(get_function);
  if (status != 0 || function->type_index == kTVMFFIFunction) return status;
  ffi_release(function);
  return ffi_raise("TypeError", "a VM was expected");
}

TVMFFIObjectHandle ffi_function(void *self, TVMFFISafeCallType call) {
  TVMFFIObjectHandle function = NULL;
  if (TVMFFIFunctionCreate(self, call, NULL, &function) != 0) return NULL;
  return function;
}

int ffi_register(const char *name, void *self, TVMFFISafeCallType call) {
  TVMFFIByteArray bytes = {name, strlen(name)};
  TVMFFIObjectHandle function = ffi_function(self, call);
  if (function == NULL) return -1;
  int status = TVMFFIFunctionSetGlobal(&bytes, function, 1);
  TVMFFIObjectDecRef(function);
  return status;
}

int ffi_raise(const char *kind, const char *message) {
  TVMFFIErrorSetRaisedFromCStr(kind, message);
  return -1;
}

void ffi_log_raised(const char *what) {
  TVMFFIObjectHandle error = NULL;
  TVMFFIErrorMoveFromRaised(&error);
  if (error == NULL) {
    server_log("%s", what);
    return;
  }
  const TVMFFIErrorCell *cell = (const TVMFFIErrorCell *)((TVMFFIObject *)error + 1);
  // The first line says what happened; the rest is where in the runtime's source.
  const char *end = memchr(cell->message.data, '\n', cell->message.size);
  size_t length = end != NULL ? (size_t)(end - cell->message.data) : cell->message.size;
  server_log("%s: %.*s", what, (int)length, cell->message.data);
  TVMFFIObjectDecRef(error);
}

void ffi_release(TVMFFIAny *value) {
  if (value->type_index >= kTVMFFIStaticObjectBegin) TVMFFIObjectDecRef(value->v_obj);
  *value = ffi_none();
}
