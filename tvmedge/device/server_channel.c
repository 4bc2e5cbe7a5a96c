#include "server_channel.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server_ffi.h"
#include "server_log.h"

enum { kBufferSize = 256 * 1024, kSoonNs = 50 * 1000 };

int frame_inside(const Frame *frame) { return frame->header_have != 0 || frame->body_left != 0; }

int frame_advance(Frame *frame, const uint8_t *bytes, size_t n) {
  while (n > 0) {
    if (frame->body_left > 0) {
      size_t step = n < frame->body_left ? n : (size_t)frame->body_left;
      frame->body_left -= step;
      bytes += step;
      n -= step;
      continue;
    }
    frame->header[frame->header_have++] = *bytes++;
    n--;
    if (frame->header_have == sizeof frame->header) {
      uint64_t length = 0;
      for (size_t i = 0; i < sizeof frame->header; i++) {
        length |= (uint64_t)frame->header[i] << (8 * i);
      }
      if (length > frame->limit) {
        server_log("refused a packet of %" PRIu64 " bytes; the limit is %" PRIu64, length,
                   frame->limit);
        return -1;
      }
      frame->header_have = 0;
      frame->body_left = length;
    }
  }
  return 0;
}

// Waits until fd can be read; a negative timeout waits for ever.
static int wait_readable(int fd, int timeout_ms) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  int ready;
  do {
    ready = poll(&wait, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 ? 0 : -1;
}

// Looks for a moment whether something comes: a call is often followed by the next, and to be woken
// takes longer than it. Returns -1 where nothing did.
static int wait_soon(int fd) {
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += kSoonNs;
  do {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 0) > 0) return 0;
    sched_yield();  // the client may want this core
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - end.tv_sec) * 1000000000LL + now.tv_nsec - end.tv_nsec < 0);
  return -1;
}

int read_exact(int fd, void *bytes, size_t n, int timeout_ms) {
  uint8_t *at = bytes;
  while (n > 0) {
    if (wait_readable(fd, timeout_ms) != 0) return -1;
    ssize_t got = read(fd, at, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    at += got;
    n -= (size_t)got;
  }
  return 0;
}

int write_exact(int fd, const void *bytes, size_t n) {
  const uint8_t *at = bytes;
  while (n > 0) {
    ssize_t put = write(fd, at, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return -1;
    at += put;
    n -= (size_t)put;
  }
  return 0;
}

// fsend(bytes) -> count, called by the runtime.
static int on_send(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  Channel *channel = self;
  const TVMFFIByteArray *bytes = num_args == 1 ? ffi_bytes(&args[0]) : NULL;
  if (bytes == NULL) return ffi_raise("TypeError", "send expects bytes");
  if (write_exact(channel->out, bytes->data, bytes->size) != 0) {
    return ffi_raise("ConnectionError", "the client does not take data any more");
  }
  *result = ffi_int((int64_t)bytes->size);
  return 0;
}

// Fills the buffer where it is empty; returns -1 with an error raised. Nothing in it afterwards is
// the end of the stream.
static int fill(Channel *channel) {
  if (channel->start < channel->end) return 0;
  // Between packets the client may think as long as it likes; inside one it may not stop.
  int timeout_ms = frame_inside(&channel->frame) ? channel->stall_ms : -1;
  if (wait_soon(channel->in) != 0 && wait_readable(channel->in, timeout_ms) != 0) {
    server_log("the client fell silent inside a packet for %d s", channel->stall_ms / 1000);
    return ffi_raise("TimeoutError", "the client fell silent inside a packet");
  }
  ssize_t got;
  do {
    got = read(channel->in, channel->buffer, channel->buffer_size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return ffi_raise("ConnectionError", "the connection broke");
  channel->start = 0;
  channel->end = (size_t)got;
  return 0;
}

// Takes n bytes of the stream, of which some may have been read already.
static int take(Channel *channel, void *to, size_t n) {
  size_t have = channel->end - channel->start;
  size_t part = n < have ? n : have;
  memcpy(to, channel->buffer + channel->start, part);
  channel->start += part;
  return read_exact(channel->in, (uint8_t *)to + part, n - part, channel->stall_ms);
}

void channel_expect(Channel *channel, Raw raw) { channel->raw = raw; }

// Moves what was announced, past the runtime, which would do so a byte at a time.
static int move_raw(Channel *channel) {
  Raw raw = channel->raw;
  uint64_t length = raw.bytes;
  channel->raw.bytes = 0;
  if (raw.to_client) {
    if (write_exact(channel->out, &length, sizeof length) == 0 &&
        write_exact(channel->out, raw.memory, raw.bytes) == 0) {
      return 0;
    }
    return ffi_raise("ConnectionError", "the client does not take data any more");
  }
  if (take(channel, &length, sizeof length) != 0) {
    return ffi_raise("ConnectionError", "the connection broke before a tensor's content");
  }
  if (length != raw.bytes) return ffi_raise("ValueError", "a tensor's content of another size");
  if (take(channel, raw.memory, raw.bytes) != 0) {
    return ffi_raise("ConnectionError", "the connection broke within a tensor's content");
  }
  return 0;
}

// frecv(n) -> at most n bytes, none at the end of the stream; called by the runtime, which has
// sent its answers by then.
static int on_receive(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  Channel *channel = self;
  if (num_args != 1 || args[0].type_index != kTVMFFIInt || args[0].v_int64 < 0) {
    return ffi_raise("TypeError", "receive expects a size");
  }
  if (channel->raw.bytes > 0 && move_raw(channel) != 0) return -1;
  if (fill(channel) != 0) return -1;
  size_t have = channel->end - channel->start, want = (size_t)args[0].v_int64;
  if (want > have) want = have;
  TVMFFIByteArray bytes = {(const char *)channel->buffer + channel->start, want};
  if (frame_advance(&channel->frame, channel->buffer + channel->start, want) != 0) {
    return ffi_raise("ValueError", "the packet is larger than this server accepts");
  }
  channel->start += want;
  return TVMFFIBytesFromByteArray(&bytes, result);
}

int channel_open(Channel *channel, int in, int out, uint64_t limit, int stall_ms) {
  memset(channel, 0, sizeof *channel);
  channel->in = in;
  channel->out = out;
  channel->frame.limit = limit;
  channel->stall_ms = stall_ms;
  channel->buffer_size = kBufferSize;
  channel->buffer = malloc(channel->buffer_size);
  return channel->buffer == NULL ? -1 : 0;
}

int channel_serve(Channel *channel) {
  TVMFFIObjectHandle loop = ffi_global("rpc.ServerLoop");
  TVMFFIObjectHandle send = ffi_function(channel, on_send);
  TVMFFIObjectHandle receive = ffi_function(channel, on_receive);
  if (loop == NULL || send == NULL || receive == NULL) {
    server_log("the runtime library lacks rpc.ServerLoop");
    return -1;
  }
  TVMFFIAny args[2] = {ffi_object(kTVMFFIFunction, send), ffi_object(kTVMFFIFunction, receive)};
  TVMFFIAny result = ffi_none();
  if (TVMFFIFunctionCall(loop, args, 2, &result) != 0) {
    ffi_log_raised("the session failed");
    return -1;
  }
  return 0;
}
