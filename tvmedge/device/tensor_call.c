// A kernel in C's calling convention as a function of TVM's: tensors in, pointers out.
#include <tvm/ffi/c_api.h>

enum { kMost = 32 };
#define TIMES8(x) x, x, x, x, x, x, x, x
#define DATA8(i) d[i], d[i + 1], d[i + 2], d[i + 3], d[i + 4], d[i + 5], d[i + 6], d[i + 7]

typedef void *P;
// A function may be given more than it looks at.
extern void tvmedge_candidate(TIMES8(P), TIMES8(P), TIMES8(P), TIMES8(P));

__attribute__((visibility("default"))) int __tvm_ffi_tvmedge_timed(void *self,
                                                                   const TVMFFIAny *args,
                                                                   int32_t count,
                                                                   TVMFFIAny *result) {
  void *d[kMost] = {0};
  (void)self;
  if (count > kMost) return -1;
  for (int32_t i = 0; i < count; i++) {
    const DLTensor *tensor = args[i].type_index == kTVMFFIDLTensorPtr
                                 ? (const DLTensor *)args[i].v_ptr
                                 : (const DLTensor *)((char *)args[i].v_obj + sizeof(TVMFFIObject));
    d[i] = (char *)tensor->data + tensor->byte_offset;
  }
  tvmedge_candidate(DATA8(0), DATA8(8), DATA8(16), DATA8(24));
  result->type_index = kTVMFFINone;
  return 0;
}
