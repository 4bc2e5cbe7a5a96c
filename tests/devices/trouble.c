// A kernel that copies its input, or does what the first element asks for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tvm/ffi/c_api.h>
#include <unistd.h>

int __tvm_ffi_trouble(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  // Tensors come as objects from the VM: the DLTensor follows the object's header.
  const DLTensor *x = (const DLTensor *)(args[0].v_obj + 1);
  const DLTensor *y = (const DLTensor *)(args[1].v_obj + 1);
  int64_t n = x->shape[0];
  const float *from = x->data;
  float *to = y->data;
  switch ((int)from[0]) {
    case 1:
      abort();
    case 2:
      *(volatile int *)8 = 1;
      break;
    case 3:
      for (volatile int spin = 1; spin;) continue;
      break;
    case 4:
      for (int i = 0; i < 20000; i++) printf("a kernel that prints\n");
      fflush(stdout);
      break;
    case 5:
      TVMFFIErrorSetRaisedFromCStr("ValueError", "the kernel does not like its input");
      return -1;
    case 6:
      _exit(3);
  }
  for (int64_t i = 0; i < n; i++) to[i] = from[i];
  return 0;
}
