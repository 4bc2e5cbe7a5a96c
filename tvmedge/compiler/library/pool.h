// A pool of threads that run the parts of kernels. It sleeps when there is nothing to do, keeps
// all that it knows in memory of the caller's, and serves one part at a time.
#include <pthread.h>
#include <stddef.h>

typedef void (*Part)(const void *frame, int task, int tasks);

typedef struct Pool {
  pthread_mutex_t busy;  // held while a part runs
  pthread_mutex_t lock;  // guards what follows
  pthread_cond_t begin, end;
  pthread_t threads[TVMEDGE_MAX_THREADS];
  int workers;          // besides the caller's thread
  int numbered;         // workers that know their task
  int left;             // workers that have not finished the part
  int stop;
  unsigned long round;  // one more for every part
  Part part;
  const void *frame;
} Pool;

static void *pool_worker(void *given) {
  Pool *pool = given;
  unsigned long seen = 0;
  pthread_mutex_lock(&pool->lock);
  int task = ++pool->numbered;
  for (;;) {
    while (pool->round == seen && !pool->stop) pthread_cond_wait(&pool->begin, &pool->lock);
    if (pool->stop) break;
    seen = pool->round;
    Part part = pool->part;
    const void *frame = pool->frame;
    int tasks = pool->workers + 1;
    pthread_mutex_unlock(&pool->lock);
    part(frame, task, tasks);
    pthread_mutex_lock(&pool->lock);
    if (--pool->left == 0) pthread_cond_signal(&pool->end);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static void pool_stop(Pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->stop = 1;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->begin);
  pthread_cond_destroy(&pool->end);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->busy);
}

static int pool_start(Pool *pool, int threads) {
  *pool = (Pool){.workers = 0};
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

static void pool_run(Pool *pool, Part part, const void *frame) {
  if (pool == NULL || pool->workers == 0 || pthread_mutex_trylock(&pool->busy) != 0) {
    part(frame, 0, 1);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->part = part;
  pool->frame = frame;
  pool->left = pool->workers;
  pool->round++;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  part(frame, 0, pool->workers + 1);
  pthread_mutex_lock(&pool->lock);
  while (pool->left > 0) pthread_cond_wait(&pool->end, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  pthread_mutex_unlock(&pool->busy);
}
