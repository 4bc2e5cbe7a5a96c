// A server as a Linux process: the host is at stdin and stdout.
#pragma once

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "running_note.h"
#include "sent_files.h"

static int out;

// What a library might print must not reach the answers.
static inline const char *system_open(void) {
  out = dup(1);
  return out < 0 || dup2(2, 1) < 0 ? "cannot set up its output" : NULL;
}

static inline long system_read(void *to, size_t bytes) { return read(0, to, bytes); }

static inline long system_write(const void *from, size_t bytes) { return write(out, from, bytes); }

static inline double system_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// The most memory of this process that was ever resident.
static inline uint64_t system_peak_kib(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

// The highest clock of a core in kHz, 0 where the system does not tell.
static inline long system_clock(int cpu) {
  char path[80];
  long clock = 0;
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq", cpu);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld", &clock) != 1) clock = 0;
  fclose(file);
  return clock;
}

// How many cores threads should run on. Where there are several kinds, this process and the
// threads it starts are kept to the fast ones, unless `threads` of them would not fit (0: one a
// core). As big_cores.py does it for this machine.
static inline int system_cores(int threads) {
  cpu_set_t allowed, big;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (int)cores;
  }
  long fastest = 0, slowest = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    long clock = system_clock(cpu);
    if (clock <= 0) return CPU_COUNT(&allowed);
    if (clock > fastest) fastest = clock;
    if (slowest == 0 || clock < slowest) slowest = clock;
  }
  long least = fastest / 5 * 4;
  if (slowest >= least) return CPU_COUNT(&allowed);
  CPU_ZERO(&big);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &allowed) && system_clock(cpu) >= least) CPU_SET(cpu, &big);
  }
  if (threads > CPU_COUNT(&big) || sched_setaffinity(0, sizeof big, &big) != 0) {
    return CPU_COUNT(&allowed);
  }
  return CPU_COUNT(&big);
}
