#include "frames.h"

const char *frame_read(const uint8_t head[kFrameHead], Frame *frame) {
  frame->kind = head[0];
  frame->bytes = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
                 (uint32_t)head[7] << 24;
  if (head[1] != 0 || head[2] != 0 || head[3] != 0) return "a frame that is none";
  if (frame->kind == kData) {
    return frame->bytes == 0 || frame->bytes > kFrameMax ? "a frame of an impossible size" : NULL;
  }
  if (frame->kind != kAlive && frame->kind != kEnd) return "a frame of no known kind";
  return frame->bytes == 0 ? NULL : "a frame of an impossible size";
}

void frame_write(uint8_t head[kFrameHead], FrameKind kind, uint32_t bytes) {
  head[0] = (uint8_t)kind;
  head[1] = head[2] = head[3] = 0;
  for (int i = 0; i < 4; i++) head[4 + i] = (uint8_t)(bytes >> 8 * i);
}
