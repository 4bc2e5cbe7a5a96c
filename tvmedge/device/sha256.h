// SHA-256 (FIPS 180-4) of bytes in memory, without tables of the library's own to link.
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include "sha256_x86.h"
#endif

static uint32_t sha256_turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

// The next eight words, in place of those 16 before them.
static void sha256_words(uint32_t w[16], int first) {
  for (int i = first; i < first + 8; i++) {
    uint32_t a = w[(i - 15) % 16], b = w[(i - 2) % 16];
    w[i % 16] += w[(i - 7) % 16] + (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) +
                 (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
  }
}

static inline __attribute__((always_inline)) void sha256_round(
    uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g,
    uint32_t *h, uint32_t word) {
  uint32_t one = *h + (sha256_turn(e, 6) ^ sha256_turn(e, 11) ^ sha256_turn(e, 25)) +
                 ((e & f) ^ (~e & g)) + word;
  uint32_t two = (sha256_turn(a, 2) ^ sha256_turn(a, 13) ^ sha256_turn(a, 22)) +
                 ((a & b) ^ (a & c) ^ (b & c));
  *d += one;
  *h = one + two;
}

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static void sha256_block(uint32_t state[8], const uint8_t *block) {
  uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  uint32_t f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 16; i++) {
    const uint8_t *at = block + 4 * i;
    w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
  // Eight rounds after which every variable has its place again: moving them costs most of the time.
  for (int i = 0; i < 64; i += 8) {
    if (i >= 16) sha256_words(w, i);
    const uint32_t *v = w + i % 16, *r = sha256_k + i;
    sha256_round(a, b, c, &d, e, f, g, &h, r[0] + v[0]);
    sha256_round(h, a, b, &c, d, e, f, &g, r[1] + v[1]);
    sha256_round(g, h, a, &b, c, d, e, &f, r[2] + v[2]);
    sha256_round(f, g, h, &a, b, c, d, &e, r[3] + v[3]);
    sha256_round(e, f, g, &h, a, b, c, &d, r[4] + v[4]);
    sha256_round(d, e, f, &g, h, a, b, &c, r[5] + v[5]);
    sha256_round(c, d, e, &f, g, h, a, &b, r[6] + v[6]);
    sha256_round(b, c, d, &e, f, g, h, &a, r[7] + v[7]);
  }
  const uint32_t now[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++) state[i] += now[i];
}

static void sha256_blocks(uint32_t state[8], const uint8_t *at, size_t blocks) {
#ifdef __x86_64__
  if (sha256_x86_has()) {
    sha256_x86_blocks(state, at, blocks, sha256_k);
    return;
  }
#endif
  for (; blocks > 0; blocks--, at += 64) sha256_block(state, at);
}

static void sha256(const void *data, size_t bytes, uint8_t digest[32]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t last[128] = {0};
  size_t left = bytes % 64;
  const uint8_t *rest = (const uint8_t *)data + (bytes - left);
  sha256_blocks(state, data, bytes / 64);
  for (size_t i = 0; i < left; i++) last[i] = rest[i];
  last[left] = 0x80;
  size_t end = left < 56 ? 64 : 128;
  uint64_t bits = (uint64_t)bytes * 8;
  for (int i = 0; i < 8; i++) last[end - 1 - i] = (uint8_t)(bits >> 8 * i);
  sha256_blocks(state, last, end / 64);
  for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
