// A pool of threads that run the parts of kernels. A part is a number of iterations; each thread
// has a share of them, takes it in pieces, and then what is left of the others': one that wakes
// late, or is slow, costs the others nothing. Between runs all of it sleeps; all that it knows
// lies in memory of the caller's.
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

typedef void (*Part)(const void *frame, int task, int begin, int end);

enum {
  kPieces = 4,    // of one share
  kInside = 0xffff,
  kOpen = 0x10000,
  kRound = 0x20000,
};

typedef struct Pool {
  pthread_mutex_t busy;  // held during a run
  pthread_mutex_t lock;  // held by those who fall asleep, or wake others
  pthread_cond_t begin, end;
  pthread_t threads[TVMEDGE_MAX_THREADS];
  int workers;  // besides the caller's thread
  atomic_int numbered, sleeping, waiting, running, stop;
  atomic_int looks;  // for what comes next in a run, before sleeping
  // Of the part at hand: its round, whether it may be entered, how many workers are inside.
  atomic_uint gate;
  Part part;
  const void *frame;
  int extent;
  atomic_int next[TVMEDGE_MAX_THREADS];  // where each share goes on
} Pool;

static inline void pool_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#elif defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

static int pool_share(const Pool *pool, int task) {
  return (int)((long long)pool->extent * task / (pool->workers + 1));
}

// Whatever of the part nobody has taken yet.
static void pool_take(Pool *pool, int task) {
  int tasks = pool->workers + 1;
  int piece = pool->extent / (tasks * kPieces);
  if (piece == 0) piece = 1;
  for (int i = 0; i < tasks; i++) {
    int owner = (task + i) % tasks, last = pool_share(pool, owner + 1);
    for (;;) {
      int from = atomic_load_explicit(&pool->next[owner], memory_order_relaxed);
      if (from >= last) break;
      from = atomic_fetch_add_explicit(&pool->next[owner], piece, memory_order_relaxed);
      if (from >= last) break;
      pool->part(pool->frame, task, from, last - from < piece ? last : from + piece);
    }
  }
}

static int pool_is_new(unsigned gate, unsigned seen) {
  return (gate & kOpen) != 0 && gate / kRound != seen;
}

// A part to enter that is not the one just left; 0 when the pool stops.
static int pool_wait(Pool *pool, unsigned seen) {
  int most = atomic_load_explicit(&pool->looks, memory_order_relaxed);
  for (int looks = 0; looks < most && atomic_load(&pool->running); looks++) {
    if (pool_is_new(atomic_load(&pool->gate), seen)) return 1;
    pool_pause();
  }
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleeping, 1);
  while (!pool_is_new(atomic_load(&pool->gate), seen) && !atomic_load(&pool->stop)) {
    pthread_cond_wait(&pool->begin, &pool->lock);
  }
  atomic_fetch_sub(&pool->sleeping, 1);
  pthread_mutex_unlock(&pool->lock);
  return !atomic_load(&pool->stop);
}

static void *pool_worker(void *given) {
  Pool *pool = given;
  int task = atomic_fetch_add(&pool->numbered, 1) + 1;
  unsigned seen = 0;
  while (pool_wait(pool, seen)) {
    unsigned gate = atomic_load(&pool->gate);
    if (!pool_is_new(gate, seen) ||
        !atomic_compare_exchange_strong(&pool->gate, &gate, gate + 1)) {
      continue;
    }
    seen = gate / kRound;
    pool_take(pool, task);
    gate = atomic_fetch_sub(&pool->gate, 1) - 1;
    if ((gate & (kInside | kOpen)) == 0 && atomic_load(&pool->waiting)) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->end);
      pthread_mutex_unlock(&pool->lock);
    }
  }
  return NULL;
}

static void pool_stop(Pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->stop, 1);
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->begin);
  pthread_cond_destroy(&pool->end);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->busy);
}

static int pool_start(Pool *pool, int threads) {
  *pool = (Pool){.workers = 0, .looks = TVMEDGE_LOOKS};
  pthread_mutex_init(&pool->busy, NULL);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->begin, NULL);
  pthread_cond_init(&pool->end, NULL);
  for (; pool->workers < threads - 1; pool->workers++) {
    if (pthread_create(&pool->threads[pool->workers], NULL, pool_worker, pool) != 0) {
      pool_stop(pool);
      return -1;
    }
  }
  return 0;
}

static void pool_spin(Pool *pool, int looks) {
  atomic_store_explicit(&pool->looks, looks, memory_order_relaxed);
}

// The pool for one run; NULL, so that the run goes on alone, where another one has it.
static Pool *pool_enter(Pool *pool) {
  if (pool == NULL || pool->workers == 0 || pthread_mutex_trylock(&pool->busy) != 0) return NULL;
  atomic_store(&pool->running, 1);
  return pool;
}

static void pool_leave(Pool *pool) {
  if (pool == NULL) return;
  atomic_store(&pool->running, 0);
  pthread_mutex_unlock(&pool->busy);
}

static void pool_run(Pool *pool, Part part, const void *frame, int extent) {
  if (pool == NULL) {
    part(frame, 0, 0, extent);
    return;
  }
  pool->part = part;
  pool->frame = frame;
  pool->extent = extent;
  for (int i = 0; i <= pool->workers; i++) {
    atomic_store_explicit(&pool->next[i], pool_share(pool, i), memory_order_relaxed);
  }
  unsigned round = (atomic_load(&pool->gate) / kRound + 1) * kRound;
  atomic_store(&pool->gate, (round ? round : kRound) | kOpen);
  if (atomic_load(&pool->sleeping)) {
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
  }
  pool_take(pool, 0);
  atomic_fetch_and(&pool->gate, ~(unsigned)kOpen);
  int most = atomic_load_explicit(&pool->looks, memory_order_relaxed);
  for (int looks = 0; atomic_load(&pool->gate) & kInside; looks++) {
    if (looks < most) {
      pool_pause();
      continue;
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->waiting, 1);
    while (atomic_load(&pool->gate) & kInside) pthread_cond_wait(&pool->end, &pool->lock);
    atomic_store(&pool->waiting, 0);
    pthread_mutex_unlock(&pool->lock);
  }
}
