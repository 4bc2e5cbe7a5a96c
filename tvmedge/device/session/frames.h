// What a host and tvmedge-session say to each other over the session's stdin and stdout.
//
// After the line "tvmedge-session 1" both ways: a byte for the kind, three zero bytes, a
// little-endian 32-bit length, then so many bytes, at most kFrameMax.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { kFrameHead = 8, kFrameMax = 1 << 18, kDigest = 32 };

typedef enum {
  kData = 'D',   // both ways: a piece of the program's stdin or stdout
  kAlive = 'H',  // both ways, empty: nothing has gone wrong
  kEnd = 'E',    // from the host, empty: the program's stdin is to end
  kText = 'T',   // to the host: what the program says on stderr
  kRoom = 'S',   // to the host, first: what confines the program
  kMemory = 'M', // to the host, ten times a second: "MS KIB", since the start and resident
  kOver = 'X',   // to the host, last: how the session ended
  kStop = 'K',   // from the host, empty: the session is to end now
  // Before the program starts, where the session keeps files:
  kFile = 'F',   // from the host: a file's sha256 and 64-bit size; answered, then and when it is
                 // whole or lost, by the sha256 and what is there. First, empty: files may be named
  kPiece = 'P',  // from the host: the sha256 of what follows, the file's next bytes
  kGo = 'G',     // from the host, empty: no more files
} FrameKind;

typedef struct {
  uint8_t kind;
  uint32_t bytes;
} Frame;

// Reads the head of a frame from the host; NULL, or what is wrong with it.
const char *frame_read(const uint8_t head[kFrameHead], Frame *frame);

// The same while files are sent.
const char *frame_read_early(const uint8_t head[kFrameHead], Frame *frame);

void frame_write(uint8_t head[kFrameHead], FrameKind kind, uint32_t bytes);
