// The model without an operating system's library: memory functions of its own, two system calls
// of Linux so that an emulator can show the result.
#include "net.h"
_Alignas(64) static const unsigned char x[] = {
#embed "x.bin"
};
_Alignas(64) static unsigned char y[NET_OUT_0_BYTES], w[NET_WORKSPACE_BYTES];

void *memset(void *to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) ((char *)to)[i] = (char)value;
  return to;
}

void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

static long call(long number, long a, long b, long c) {
  register long r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c;
  register long r3 __asm__("r3") = number;  // r7 is Thumb's frame pointer
  __asm__ volatile("push {r7}\n mov r7, r3\n svc 0\n pop {r7}"
                   : "+r"(r0)
                   : "r"(r1), "r"(r2), "r"(r3)
                   : "memory");
  return r0;
}

void _start(void) {
  net_io io = {(const float *)x, (float *)y};
  int code = net_run(&io, w);
  if (!code) call(4, 1, (long)y, sizeof y);
  call(1, code, 0, 0);
}
