/* What one core can do at most: multiply-adds, and bytes in and out of its caches.
 * WIDTH is that of a vector register in bytes. */
typedef float vec __attribute__((vector_size(WIDTH)));

enum {
    CHAINS = 12, /* two ports times four to five cycles of latency */
    READERS = 8  /* two loads a cycle, an addition's latency apart */
};

/* CHAINS * WIDTH / 4 multiply-adds a round. */
float multiply_adds(long rounds, float factor)
{
    vec sums[CHAINS] = {0};
    vec x = {0}, y = {0};
    x += factor;
    y += 1.0f - factor;
    for (long round = 0; round < rounds; round++)
        for (int chain = 0; chain < CHAINS; chain++)
            sums[chain] = sums[chain] * x + y;
    for (int chain = 1; chain < CHAINS; chain++)
        sums[0] += sums[chain];
    return sums[0][0];
}

/* Reads `in` and writes `out` once a round, side by side; sizes in vectors. */
void stream(const vec *in, long reads, vec *out, long writes, long rounds)
{
    for (long round = 0; round < rounds; round++) {
        vec sums[READERS] = {0};
        long both = reads < writes ? reads : writes, i = 0;
        for (; i < both; i++)
            out[i] = in[i] + sums[0];
        for (; i + READERS <= reads; i += READERS)
            for (int reader = 0; reader < READERS; reader++)
                sums[reader] += in[i + reader];
        for (; i < writes; i++)
            out[i] = sums[0];
        for (int reader = 0; reader < READERS; reader++)
            out[0] += sums[reader]; /* what is read is used */
        __asm__ volatile("" ::: "memory");
    }
}
