#include "server_tensors.h"

#include "server_ffi.h"

// How many bytes a tensor has; -1 where it has none of its own, side by side, in this memory.
static int64_t tensor_bytes(const DLTensor *tensor) {
  int64_t bytes = ((int64_t)tensor->dtype.bits * tensor->dtype.lanes + 7) / 8, stride = 1;
  if (tensor->device.device_type != kDLCPU) return -1;
  for (int i = tensor->ndim - 1; i >= 0; i--) {
    int64_t size = tensor->shape[i];
    if (tensor->strides != NULL && size > 1 && tensor->strides[i] != stride) return -1;
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return -1;
    stride *= size;
  }
  return bytes;
}

static int expect(Channel *channel, const TVMFFIAny *args, int32_t num_args, int to_client) {
  if (num_args != 3 || args[0].type_index != kTVMFFIDLTensorPtr ||
      args[1].type_index != kTVMFFIInt || args[2].type_index != kTVMFFIInt) {
    return ffi_raise("TypeError", "expected a tensor, an offset and a number of bytes");
  }
  const DLTensor *tensor = args[0].v_ptr;
  int64_t all = tensor_bytes(tensor), offset = args[1].v_int64, bytes = args[2].v_int64;
  if (all < 0) return ffi_raise("ValueError", "the tensor is not whole, or in another memory");
  if (offset < 0 || bytes < 1 || offset > all || bytes > all - offset) {
    return ffi_raise("ValueError", "the tensor is smaller than that");
  }
  uint8_t *start = (uint8_t *)tensor->data + tensor->byte_offset + offset;
  channel_expect(channel, (Raw){start, (size_t)bytes, to_client});
  return 0;
}

static int on_take(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)result;
  return expect(self, args, num_args, 0);
}

static int on_give(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)result;
  return expect(self, args, num_args, 1);
}

int tensors_register(Channel *channel) {
  if (ffi_register("tvmedge.server.take", channel, on_take) != 0 ||
      ffi_register("tvmedge.server.give", channel, on_give) != 0) {
    ffi_log_raised("cannot register how tensors are moved");
    return -1;
  }
  return 0;
}
