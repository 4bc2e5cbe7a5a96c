// One client session: a child process of its own, watched until it ends.
#ifndef TVMEDGE_SERVER_SESSION_H_
#define TVMEDGE_SERVER_SESSION_H_

#include <signal.h>
#include <stdint.h>

typedef struct {
  int in;                  // from the client; also watched for the client going away
  int out;                 // to the client, may equal in
  const char *key;         // what a socket client must name; NULL for pipes: no handshake
  uint64_t packet_limit;   // bytes
  int stall_ms;            // longest silence inside a packet
  const sigset_t *unmask;  // signals the supervisor takes while it waits
} SessionPlan;

// Set by main's signal handler: the server must end.
extern volatile sig_atomic_t stop_signal;

// Runs one session and waits for it. A crash in a kernel ends the child only; the work
// directory is removed in any case. Returns a ServerExit or 128 + the signal that ended
// the session.
int session_run(const SessionPlan *plan);

#endif  // TVMEDGE_SERVER_SESSION_H_
