// Frames of a host, good and bad, as a session's pump takes them: the program gets the bodies of
// the good ones before the first bad one, and not a byte more.
#include "pump.c"

#include "input.h"

enum { kMost = 1 << 16 };

// What the program must get; `refused` tells whether the host must be.
static size_t expected(const uint8_t *data, size_t size, uint8_t *to, int *refused) {
  size_t at = 0, filled = 0;
  int ending = 0;
  *refused = 0;
  while (size - at >= 8) {
    uint64_t bytes = data[at + 4] | data[at + 5] << 8 | data[at + 6] << 16 |
                     (uint64_t)data[at + 7] << 24;
    int kind = data[at], body = kind == 'D';
    int good = (body ? bytes > 0 && bytes <= 262144 && !ending
                     : bytes == 0 && (kind == 'H' || kind == 'E' || kind == 'K')) &&
               data[at + 1] == 0 && data[at + 2] == 0 && data[at + 3] == 0;
    if (!good || kind == 'K') {
      *refused = 1;
      return filled;
    }
    ending |= kind == 'E';
    at += 8;
    size_t here = !body ? 0 : bytes < size - at ? (size_t)bytes : size - at;
    memcpy(to + filled, data + at, here);
    filled += here;
    at += here;
  }
  return filled;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Pump pump;
  static uint8_t wanted[kMost], got[kMost];
  static const Options options = {.limits = {.silence_seconds = 30}};
  if (size > kMost) return 0;
  int refused;
  size_t most = expected(data, size, wanted, &refused), filled = 0;
  memset(&pump, 0, sizeof pump);
  pump.options = &options;
  give_stdin(data, size);
  while (pump.why[0] == 0 && !pump.host_closed) {
    hear_host(&pump);
    size_t bytes = pump.to_program.end - pump.to_program.start;
    if (filled + bytes > sizeof got) abort();
    memcpy(got + filled, pump.to_program.bytes + pump.to_program.start, bytes);
    filled += bytes;
    pump.to_program.start = pump.to_program.end;
  }
  if (filled != most || memcmp(got, wanted, most) != 0) abort();
  if ((pump.why[0] != 0) != refused) abort();
  return 0;
}
