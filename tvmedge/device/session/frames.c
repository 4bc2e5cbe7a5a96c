#include "frames.h"

static const char kNoFrame[] = "a frame that is none";
static const char kNoKind[] = "a frame of no known kind";
static const char kNoSize[] = "a frame of an impossible size";

static int read_head(const uint8_t head[kFrameHead], Frame *frame) {
  frame->kind = head[0];
  frame->bytes = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
                 (uint32_t)head[7] << 24;
  return head[1] == 0 && head[2] == 0 && head[3] == 0;
}

const char *frame_read(const uint8_t head[kFrameHead], Frame *frame) {
  if (!read_head(head, frame)) return kNoFrame;
  if (frame->kind == kData) {
    return frame->bytes == 0 || frame->bytes > kFrameMax ? kNoSize : NULL;
  }
  if (frame->kind != kAlive && frame->kind != kEnd && frame->kind != kStop) return kNoKind;
  return frame->bytes == 0 ? NULL : kNoSize;
}

const char *frame_read_early(const uint8_t head[kFrameHead], Frame *frame) {
  if (!read_head(head, frame)) return kNoFrame;
  if (frame->kind == kPiece) {
    return frame->bytes <= kDigest || frame->bytes > kFrameMax ? kNoSize : NULL;
  }
  if (frame->kind == kFile) return frame->bytes == kDigest + 8 ? NULL : kNoSize;
  if (frame->kind != kAlive && frame->kind != kGo) return kNoKind;
  return frame->bytes == 0 ? NULL : kNoSize;
}

void frame_write(uint8_t head[kFrameHead], FrameKind kind, uint32_t bytes) {
  head[0] = (uint8_t)kind;
  head[1] = head[2] = head[3] = 0;
  for (int i = 0; i < 4; i++) head[4 + i] = (uint8_t)(bytes >> 8 * i);
}
