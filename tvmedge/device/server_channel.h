// The byte channel under TVM's RPC protocol: framed, bounded, with deadlines.
#ifndef TVMEDGE_SERVER_CHANNEL_H_
#define TVMEDGE_SERVER_CHANNEL_H_

#include <stddef.h>
#include <stdint.h>

// Follows a stream of packets, each a little-endian 64-bit length and that many bytes.
typedef struct {
  uint64_t limit;  // largest length accepted, bytes
  uint64_t body_left;
  uint8_t header[8];
  size_t header_have;
} Frame;

// Advances over n received bytes; returns -1 when a packet announces more than the limit.
int frame_advance(Frame *frame, const uint8_t *bytes, size_t n);

// True while a packet has begun and not ended.
int frame_inside(const Frame *frame);

// A tensor's content that goes past the runtime, as a packet of nothing else.
typedef struct {
  void *memory;
  size_t bytes;  // 0: nothing does
  int to_client;
} Raw;

typedef struct {
  int in;
  int out;
  Frame frame;
  int stall_ms;  // longest silence inside a packet
  uint8_t *buffer;
  size_t buffer_size;
  size_t start, end;  // what was read and not handed on yet
  Raw raw;            // moves before the runtime's next packet
} Channel;

// Prepares a channel on two open file descriptors; returns -1 without memory.
int channel_open(Channel *channel, int in, int out, uint64_t limit, int stall_ms);

// Has `raw` moved once the runtime has answered the present call.
void channel_expect(Channel *channel, Raw raw);

// Serves one RPC session until the peer shuts down; returns -1 after logging why it failed.
int channel_serve(Channel *channel);

// Reads exactly n bytes before the deadline, waiting at most timeout_ms for each piece.
int read_exact(int fd, void *bytes, size_t n, int timeout_ms);

// Writes all n bytes; returns -1 when the peer is gone.
int write_exact(int fd, const void *bytes, size_t n);

#endif  // TVMEDGE_SERVER_CHANNEL_H_
