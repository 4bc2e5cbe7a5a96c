// Parts of all sizes on a pool: every iteration once, by a task that there is; callers that share
// the pool; stops and starts; threads that spin and that never do. Says nothing and ends with 0
// where that holds.
#define TVMEDGE_MAX_THREADS 8
#define TVMEDGE_LOOKS 20000
#include "pool.h"
#include <stdio.h>
#include <stdlib.h>

enum { kMost = 500, kRounds = 15000, kCallers = 3 };

typedef struct {
  atomic_int seen[kMost];
} Frame;

static Pool pool;
static atomic_int wrong, shared;

static void count(const void *given, int task, int begin, int end) {
  Frame *frame = (Frame *)given;
  if (task < 0 || task > pool.workers) atomic_fetch_add(&wrong, 1);
  if (task > 0) atomic_fetch_add(&shared, 1);
  for (int i = begin; i < end; i++) atomic_fetch_add(&frame->seen[i], 1);
}

static void *caller(void *given) {
  unsigned state = (unsigned)(size_t)given;
  for (int round = 0; round < kRounds / kCallers; round++) {
    if (round == kRounds / kCallers / 2) pool_spin(&pool, 0);
    Pool *mine = pool_enter(&pool);
    for (int part = 0; part < 1 + round % 5; part++) {
      state = state * 1664525u + 1013904223u;
      int extent = (int)(state >> 16) % kMost + 1;
      Frame frame = {0};
      pool_run(mine, count, &frame, extent);
      for (int i = 0; i < kMost; i++) {
        if (atomic_load(&frame.seen[i]) != (i < extent)) atomic_fetch_add(&wrong, 1);
      }
    }
    pool_leave(mine);
  }
  return NULL;
}

int main(int words, char **arguments) {
  for (int threads = 1; threads <= (words > 1 ? atoi(arguments[1]) : 4); threads++) {
    if (pool_start(&pool, threads)) return 2;
    pthread_t callers[kCallers];
    for (size_t i = 0; i < kCallers; i++) {
      if (pthread_create(&callers[i], NULL, caller, (void *)(i + 1))) return 2;
    }
    for (int i = 0; i < kCallers; i++) pthread_join(callers[i], NULL);
    pool_stop(&pool);
  }
  if (wrong) fprintf(stderr, "%d wrong\n", wrong);
  if (!shared) fprintf(stderr, "no other thread did anything\n");
  return wrong || !shared;
}
