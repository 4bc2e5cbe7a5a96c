/* What one thread of this machine can do at most: multiply-adds of float32, bytes from memory. */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16, SUMS = 24 };
#elif defined(__AVX__)
enum { LANES = 8, SUMS = 12 };
#elif defined(__aarch64__)
enum { LANES = 4, SUMS = 24 };
#else
enum { LANES = 4, SUMS = 12 };
#endif
enum { ROUNDS = 4096, READERS = 8 };

typedef float floats __attribute__((vector_size(LANES * sizeof(float))));

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Floating-point operations a second, of chains of multiply-adds that do not wait for another. */
double tvmedge_peak_operations(double seconds, float *result) {
    floats sums[SUMS], factor, addend;
    for (int i = 0; i < LANES; i++) factor[i] = result[0], addend[i] = result[1];
    for (int i = 0; i < SUMS; i++) sums[i] = factor * (float)i;
    double best = 0, end = now_s() + seconds;
    do {
        double started = now_s();
        for (int round = 0; round < ROUNDS; round++) {
#pragma clang loop unroll(full)
            for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + addend;
        }
        double rate = 2.0 * LANES * SUMS * ROUNDS / (now_s() - started);
        if (rate > best) best = rate;
    } while (now_s() < end);
    floats total = sums[0];
    for (int i = 1; i < SUMS; i++) total += sums[i];
    for (int i = 0; i < LANES; i++) result[2] += total[i];
    return best;
}

/* Bytes a second, reading `bytes` of memory one after the other: a multiple of 8 vectors. */
double tvmedge_peak_bytes(double seconds, const void *memory, uint64_t bytes, float *result) {
    const floats *from = memory;
    const uint64_t count = bytes / sizeof(floats);
    floats sums[READERS] = {0};
    double best = 0, end = now_s() + seconds;
    do {
        double started = now_s();
        for (uint64_t at = 0; at + READERS <= count; at += READERS) {
#pragma clang loop unroll(full)
            for (int i = 0; i < READERS; i++) sums[i] += from[at + (uint64_t)i];
        }
        double rate = (double)bytes / (now_s() - started);
        if (rate > best) best = rate;
    } while (now_s() < end);
    for (int i = 0; i < READERS; i++)
        for (int j = 0; j < LANES; j++) result[2] += sums[i][j];
    return best;
}
