#include "files.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "sha256.h"
#include "store.h"

// A file's frame: its digest and its bytes, little-endian; the answer has those that are there.
enum { kNamed = kDigest + 8 };

typedef struct {
  const Options *options;
  Store store;
  Kept kept[kFilesMax];
  int count;
  uint8_t body[kFrameMax];
  char why[120];
} Receiver;

static const char *refuse(Receiver *receiver, const char *what) {
  snprintf(receiver->why, sizeof receiver->why, "refused the host: it sent %s", what);
  return receiver->why;
}

// NULL, or why not all of it came.
static const char *take(const Receiver *receiver, void *to, size_t bytes) {
  uint8_t *at = to;
  while (bytes > 0) {
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = poll(&wait, 1, (int)receiver->options->limits.silence_seconds * 1000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return "ended: the host was silent";
    ssize_t got = read(STDIN_FILENO, at, bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return "ended: the host went away";
    at += got;
    bytes -= (size_t)got;
  }
  return NULL;
}

static void tell(FrameKind kind, const void *body, size_t bytes) {
  uint8_t frame[kFrameHead + 256];
  frame_write(frame, kind, (uint32_t)bytes);
  memcpy(frame + kFrameHead, body, bytes);
  // What a pipe has room for at any time; a host that is gone is noticed when it is read from.
  (void)!write(STDOUT_FILENO, frame, kFrameHead + bytes);
}

static void tell_have(const Kept *kept) {
  uint8_t body[kNamed];
  memcpy(body, kept->digest, kDigest);
  for (int i = 0; i < 8; i++) body[kDigest + i] = (uint8_t)((uint64_t)kept->have >> 8 * i);
  tell(kFile, body, sizeof body);
}

static int has_half(const Receiver *receiver) {
  if (receiver->count == 0) return 0;
  const Kept *last = &receiver->kept[receiver->count - 1];
  return last->have != last->bytes;
}

static const char *name_file(Receiver *receiver) {
  uint64_t bytes = 0;
  if (receiver->count == kFilesMax) return refuse(receiver, "one file too many");
  if (has_half(receiver)) return refuse(receiver, "half a file");
  for (int i = 0; i < 8; i++) bytes |= (uint64_t)receiver->body[kDigest + i] << 8 * i;
  if (bytes == 0 || bytes > (uint64_t)receiver->store.most) {
    return refuse(receiver, "a file of an impossible size");
  }
  Kept *kept = &receiver->kept[receiver->count];
  const char *wrong = store_begin(&receiver->store, receiver->body, (int64_t)bytes, kept);
  if (wrong != NULL) return wrong;
  receiver->count++;
  tell_have(kept);
  return NULL;
}

static const char *add_piece(Receiver *receiver, size_t bytes) {
  uint8_t got[kDigest];
  Kept *kept = receiver->count == 0 ? NULL : &receiver->kept[receiver->count - 1];
  const uint8_t *piece = receiver->body + kDigest;
  int64_t size = (int64_t)bytes - kDigest;
  if (kept == NULL || size > kept->bytes - kept->have) {
    return refuse(receiver, "a piece of no file");
  }
  sha256(piece, (size_t)size, got);
  if (memcmp(got, receiver->body, kDigest) != 0) {
    return refuse(receiver, "a damaged piece");
  }
  const char *wrong = store_add(&receiver->store, kept, piece, size);
  if (wrong != NULL) return wrong;
  if (kept->have == kept->bytes || kept->have == 0) tell_have(kept);
  return NULL;
}

// Reads and follows frames up to the one that starts the program.
static const char *receive(Receiver *receiver) {
  for (;;) {
    uint8_t head[kFrameHead];
    Frame frame;
    const char *wrong = take(receiver, head, sizeof head);
    if (wrong != NULL) return wrong;
    wrong = frame_read_early(head, &frame);
    if (wrong != NULL) return refuse(receiver, wrong);
    wrong = take(receiver, receiver->body, frame.bytes);
    if (wrong != NULL) return wrong;
    if (frame.kind == kFile) wrong = name_file(receiver);
    if (frame.kind == kPiece) wrong = add_piece(receiver, frame.bytes);
    if (wrong != NULL) return wrong;
    if (frame.kind != kGo) continue;
    return has_half(receiver) ? refuse(receiver, "half a file") : NULL;
  }
}

int files_receive(const Options *options, Files *files) {
  Receiver *receiver = calloc(1, sizeof *receiver);
  if (receiver == NULL) return kExitSetup;
  receiver->options = options;
  const char *wrong = store_open(&receiver->store, options->cache, options->cache_mb);
  if (wrong == NULL) {
    tell(kFile, "", 0);
    wrong = receive(receiver);
    close(receiver->store.folder);
  }
  if (wrong != NULL) tell(kOver, wrong, strlen(wrong));
  files->count = receiver->count;
  for (int i = 0; i < receiver->count; i++) files->open[i] = receiver->kept[i].file;
  free(receiver);
  return wrong == NULL ? -1 : kExitSession;
}
