#include "server_sent.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "running_note.h"
#include "sent_files.h"
#include "server_ffi.h"
#include "server_log.h"

// tvmedge.server.sent() -> how many files were sent before this session's server started.
static int on_sent(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)args, (void)num_args;
  *result = ffi_int(sent_files());
  return 0;
}

// tvmedge.server.load_sent() -> the module in the first of them.
static int on_load(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  const Workspace *workspace = self;
  char file[kSentPath], link[kPathMax];
  (void)args, (void)num_args;
  if (sent_file(0) < 0) return ffi_raise("ValueError", "no file was sent before");
  sent_path(sent_file(0), file);
  // The runtime tells kinds of modules by how names end.
  if (snprintf(link, sizeof link, "%s/sent.so", workspace->path) >= (int)sizeof link ||
      symlink(file, link) != 0) {
    return ffi_raise("RuntimeError", "cannot link the file that was sent");
  }
  int status = workspace_load(link, result);
  unlink(link);
  return status;
}

// tvmedge.server.fill_sent(tensor, file, offset): the tensor's content is in that file, there.
static int on_fill(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args != 3 || args[0].type_index != kTVMFFIDLTensorPtr ||
      args[1].type_index != kTVMFFIInt || args[2].type_index != kTVMFFIInt) {
    return ffi_raise("TypeError", "fill_sent expects a tensor, a file and an offset");
  }
  static const char *content;
  static size_t size;
  static int mapped = -1;
  int file = (int)args[1].v_int64;
  if (mapped != file) content = sent_content(file, &size);
  if (content == NULL) return ffi_raise("ValueError", "that file was not sent before");
  mapped = file;
  const DLTensor *tensor = args[0].v_ptr;
  uint64_t bytes = ((uint64_t)tensor->dtype.bits * tensor->dtype.lanes + 7) / 8;
  for (int i = 0; i < tensor->ndim; i++) {
    if (tensor->shape[i] < 0 ||
        __builtin_mul_overflow(bytes, (uint64_t)tensor->shape[i], &bytes)) {
      return ffi_raise("ValueError", "a tensor of an impossible size");
    }
  }
  uint64_t offset = (uint64_t)args[2].v_int64;
  if (offset > size || bytes > size - offset) {
    return ffi_raise("ValueError", "the tensor is not in the file that was sent");
  }
  TVMFFIObjectHandle copy = ffi_global("runtime.TVMTensorCopyFromBytes");
  if (copy == NULL) return ffi_raise("RuntimeError", "the runtime cannot fill tensors");
  TVMFFIAny given[3] = {args[0], ffi_none(), ffi_int((int64_t)bytes)};
  given[1].type_index = kTVMFFIOpaquePtr;
  given[1].v_ptr = (void *)(content + offset);
  int status = TVMFFIFunctionCall(copy, given, 3, result);
  TVMFFIObjectDecRef(copy);
  return status;
}

// (function, name, before, ...): what the VM calls around every kernel.
static int note_kernel(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  const Note *note = self;
  (void)result;
  if (num_args < 3) return ffi_raise("TypeError", "a note needs a name");
  *note->running = 0;
  if (args[2].v_int64 != 0 && ffi_copy_string(&args[1], note->names, kNameMax) == 0) {
    *note->running = 1;
  }
  return 0;
}

// tvmedge.server.note(vm): what the VM runs is noted from now on.
static int on_note(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  TVMFFIAny set_instrument = ffi_none();
  if (num_args != 1) return ffi_raise("TypeError", "note expects a VM");
  if (ffi_method(&args[0], "set_instrument", &set_instrument) != 0) return -1;
  TVMFFIObjectHandle callback = ffi_function(self, note_kernel);
  int status = callback == NULL ? ffi_raise("MemoryError", "out of memory") : 0;
  if (status == 0) {
    TVMFFIAny given = ffi_object(kTVMFFIFunction, callback);
    status = TVMFFIFunctionCall(set_instrument.v_obj, &given, 1, result);
    TVMFFIObjectDecRef(callback);
  }
  ffi_release(&set_instrument);
  return status;
}

int sent_register(Workspace *workspace) {
  static Note note;
  note = note_open();
  if (ffi_register("tvmedge.server.sent", NULL, on_sent) != 0 ||
      ffi_register("tvmedge.server.load_sent", workspace, on_load) != 0 ||
      ffi_register("tvmedge.server.fill_sent", NULL, on_fill) != 0 ||
      (note.running != NULL && ffi_register("tvmedge.server.note", &note, on_note) != 0)) {
    ffi_log_raised("cannot register what a session gives");
    return -1;
  }
  return 0;
}
