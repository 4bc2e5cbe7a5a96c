// SHA-256's blocks by the instructions that most x86-64 processors have for it (since Goldmont,
// Ice Lake and Zen; Intel SDM, SHA256RNDS2): three times as fast, 500 in place of 180 MB/s here.
#pragma once

#include <cpuid.h>
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

static int sha256_x86_has(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1)) return 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

__attribute__((target("sha,sse4.1"))) static void sha256_x86_blocks(
    uint32_t state[8], const uint8_t *at, size_t blocks, const uint32_t k[64]) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i *words = (__m128i *)state;
  // The instructions want a, b, e, f in one register and c, d, g, h in the other.
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
  for (; blocks > 0; blocks--, at += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
      __m128i *new = w + i % 4;
      if (i < 4) {
        *new = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at + i), swap);
      } else {
        const __m128i last = w[(i + 3) % 4];
        const __m128i seven = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
        const __m128i first = _mm_sha256msg1_epu32(*new, w[(i + 1) % 4]);
        *new = _mm_sha256msg2_epu32(_mm_add_epi32(first, seven), last);
      }
      const __m128i given = _mm_add_epi32(*new, _mm_loadu_si128((const __m128i *)(k + 4 * i)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, given);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(given, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  low = _mm_shuffle_epi32(abef, 0x1b);
  high = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(high, low, 8));
}
