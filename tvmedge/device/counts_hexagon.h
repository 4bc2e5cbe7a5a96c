// Control registers that QEMU gives Hexagon: c20 packets, c21 instructions, c22 those of the
// vector unit. They have 32 bits and wrap: where nobody asks for long, an alarm reads them.
#pragma once

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

// In seconds. QEMU needs about ten times as long to execute 2**32 instructions.
enum { kLookEvery = 2 };

// No assembler knows these registers: r0 = c<number>.
#define READ(number, name)                                                                   \
  static inline uint32_t name(void) {                                                        \
    register uint32_t value __asm__("r0");                                                   \
    __asm__ volatile(".word %1" : "=r"(value) : "i"(0x6a00c000u | (number) << 16) : "memory"); \
    return value;                                                                            \
  }
READ(20, counted_packets)
READ(21, counted_instructions)
READ(22, counted_vectors)

static Counts counts_total;
static uint32_t counts_last[3];
static volatile sig_atomic_t counts_busy;

static void counts_add(void) {
  uint32_t now[3] = {counted_instructions(), counted_packets(), counted_vectors()};
  uint64_t *totals[3] = {&counts_total.instructions, &counts_total.packets, &counts_total.vectors};
  for (int i = 0; i < 3; i++) {
    *totals[i] += (uint32_t)(now[i] - counts_last[i]);
    counts_last[i] = now[i];
  }
}

static void counts_look(int signal) {
  (void)signal;
  if (!counts_busy) counts_add();
}

static inline const char *counts_open(void) {
  struct sigaction action = {.sa_handler = counts_look, .sa_flags = SA_RESTART};
  return sigaction(SIGALRM, &action, NULL) == 0 ? NULL : "cannot watch the counters";
}

static inline Counts counts_now(void) {
  counts_busy = 1;
  counts_add();
  Counts now = counts_total;
  counts_busy = 0;
  return now;
}

// Whether anybody counts.
static inline int counts_taken(void) { return 1; }

// What takes less than the alarm's time from here is counted without it, so always the same.
static inline void counts_restart(void) {
  const struct itimerval every = {{kLookEvery, 0}, {kLookEvery, 0}};
  setitimer(ITIMER_REAL, &every, NULL);
  counts_now();
  counts_total = (Counts){0, 0, 0};
}
