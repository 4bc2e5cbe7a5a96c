#include "calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#endif

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

int calls_deny(void) {
#ifdef ARCHITECTURE
  static const uint32_t denied[] = {SYS_memfd_create, SYS_memfd_secret, SYS_shmget, SYS_msgget,
                                    SYS_semget};
  enum { kDenied = sizeof denied / sizeof *denied, kBefore = 4, kX32 = 0x40000000 };
  struct sock_filter filter[kBefore + kDenied + 2];
  const uint32_t refuse = SECCOMP_RET_ERRNO | ENOSYS;
  // Code of another kind (32 bits under 64) has numbers of its own: none of its calls is answered.
  filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           offsetof(struct seccomp_data, arch));
  filter[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, kDenied + 3);
  filter[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           offsetof(struct seccomp_data, nr));
  filter[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, kDenied + 1, 0);
  for (uint8_t i = 0; i < kDenied; i++) {
    filter[kBefore + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied[i],
                                                       (uint8_t)(kDenied - i), 0);
  }
  filter[kBefore + kDenied] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[kBefore + kDenied + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
  const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
  errno = ENOSYS;
  return -1;
#endif
}
