/* Times a kernel in C's calling convention: this loop costs a nanosecond a call, Python's 500. */
#include <stdint.h>
#include <time.h>

enum { MOST_ARGUMENTS = 32 };
#define EIGHT(at) a[at], a[at + 1], a[at + 2], a[at + 3], a[at + 4], a[at + 5], a[at + 6], a[at + 7]
#define EIGHT_POINTERS void *, void *, void *, void *, void *, void *, void *, void *
/* A function does not see the arguments that follow its own. */
typedef void few(EIGHT_POINTERS);
typedef void many(EIGHT_POINTERS, EIGHT_POINTERS, EIGHT_POINTERS, EIGHT_POINTERS);

/* Not the thread's own time: a kernel under a hypervisor takes what that stole off at the wrong
   moments, so that some samples are a quarter too short. */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct memory {
    const volatile char *at;
    uint64_t bytes;
};

static void through_the_caches(struct memory what) {
    for (uint64_t i = 0; i < what.bytes; i += 64) (void)what.at[i];
}

/* Nanoseconds of `calls` calls with `given`, of which there are `count`, at most MOST_ARGUMENTS.
   With `others` each call is timed alone, after these went through the caches, and after them what
   the call before it in a model left: `left`. */
uint64_t tvmedge_time_calls(void *kernel, void *const *given, uint64_t count, uint64_t calls,
                            struct memory others, struct memory left) {
    if (others.bytes) {
        const struct memory none = {0};
        uint64_t sum = 0;
        for (uint64_t i = 0; i < calls; i++) {
            through_the_caches(others);
            through_the_caches(left);
            sum += tvmedge_time_calls(kernel, given, count, 1, none, none);
        }
        return sum;
    }
    void *a[MOST_ARGUMENTS] = {0};
    for (uint64_t i = 0; i < count; i++) a[i] = given[i];
    few *short_call = (few *)kernel;
    many *long_call = (many *)kernel;
    const uint64_t start = now_ns();
    if (count <= 8)
        for (uint64_t i = 0; i < calls; i++) short_call(EIGHT(0));
    else
        for (uint64_t i = 0; i < calls; i++) long_call(EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24));
    return now_ns() - start;
}

#ifdef __AVX512F__
#define WHOLE __attribute__((__min_vector_width__(512)))
#else
#define WHOLE
#endif

/* What tells how fast the core is: multiply-adds of wide vectors, as most kernels do, no memory. */
WHOLE void tvmedge_clock(void) {
    typedef float wide __attribute__((vector_size(64)));
    wide sums[8] = {0};
    for (int turn = 0; turn < 2000; turn++)
        for (int i = 0; i < 8; i++) sums[i] = sums[i] * 0.5f + 0.25f;
    for (int i = 0; i < 8; i++) __asm__ volatile("" : : "m"(sums[i]));
}
