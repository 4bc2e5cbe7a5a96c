#include "server_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server_channel.h"
#include "server_ffi.h"
#include "server_log.h"
#include "server_sent.h"
#include "server_tensors.h"
#include "server_times.h"
#include "server_workspace.h"

enum {
  kRpcMagic = 0xff271,
  kRpcMismatch = kRpcMagic + 2,
  kHandshakeMs = 10 * 1000,
  // A client that is gone may have left a last short request; a hung kernel gets no more.
  kGraceMs = 2 * 1000,
  kKeyMax = 256,
};

// Starts the clock of " -timeout=SECONDS"; SIGALRM then ends this process.
static void start_timeout(const char *options) {
  const char *option = strstr(options, "-timeout=");
  if (option == NULL) return;
  double seconds = strtod(option + strlen("-timeout="), NULL);
  if (!(seconds > 0 && seconds < 1e9)) return;
  struct itimerval timer = {.it_value = {.tv_sec = (time_t)seconds}};
  timer.it_value.tv_usec = (suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6) + 1;
  setitimer(ITIMER_REAL, &timer, NULL);
}

// TVM's socket handshake: magic, "client:KEY [-timeout=S]"; answered by "server:KEY".
static int handshake(int socket, const char *key) {
  int32_t magic = 0, length = 0;
  char theirs[kKeyMax + 1], want[kKeyMax + 16], ours[kKeyMax + 16];
  if (read_exact(socket, &magic, sizeof magic, kHandshakeMs) != 0 || magic != kRpcMagic ||
      read_exact(socket, &length, sizeof length, kHandshakeMs) != 0 || length < 0 ||
      length > kKeyMax || read_exact(socket, theirs, (size_t)length, kHandshakeMs) != 0) {
    server_log("refused a connection that does not speak TVM's RPC protocol");
    return -1;
  }
  theirs[length] = 0;
  char *options = strchr(theirs, ' ');
  if (options != NULL) *options++ = 0;
  snprintf(want, sizeof want, "client:%s", key);
  if (strcmp(theirs, want) != 0) {
    int32_t answer = kRpcMismatch;
    write_exact(socket, &answer, sizeof answer);
    server_log("refused a client with another key");
    return -1;
  }
  snprintf(ours, sizeof ours, "server:%s", key);
  length = (int32_t)strlen(ours);
  if (write_exact(socket, &magic, sizeof magic) != 0 ||
      write_exact(socket, &length, sizeof length) != 0 ||
      write_exact(socket, ours, (size_t)length) != 0) {
    return -1;
  }
  if (options != NULL) start_timeout(options);
  return 0;
}

static int serve(const SessionPlan *plan, Workspace *workspace) {
  Channel channel;
  if (plan->key != NULL && handshake(plan->in, plan->key) != 0) return kExitSession;
  if (workspace_register(workspace) != 0 || sent_register(workspace) != 0) return kExitSetup;
  if (times_register() != 0) {
    ffi_log_raised("cannot register the timer of kernels");
    return kExitSetup;
  }
  if (channel_open(&channel, plan->in, plan->out, plan->packet_limit, plan->stall_ms) != 0) {
    server_log("out of memory");
    return kExitSetup;
  }
  // Over a socket may be a client that knows nothing of it, and ours does not look for its socket.
  if (plan->key == NULL && tensors_register(&channel) != 0) return kExitSetup;
  return channel_serve(&channel) == 0 ? kExitOk : kExitSession;
}

// Puts the child into the state a fresh program has, except that it dies with the server.
static void become_session(pid_t server) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != server) _exit(kExitSession);
}

// Waits for the child's end, a stop signal or the client's hang-up; kills the child in
// the latter two. `life` reaches its end when the child is dead.
static void watch(const SessionPlan *plan, pid_t child, int life) {
  struct pollfd waits[2] = {{.fd = life}, {.fd = plan->in, .events = POLLRDHUP}};
  struct timespec grace = {.tv_sec = kGraceMs / 1000};
  const struct timespec *limit = NULL;
  for (;;) {
    int ready = ppoll(waits, 2, limit, plan->unmask);
    if (stop_signal != 0) break;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) break;
    if (waits[0].revents != 0) return;
    if (ready == 0) {
      server_log("the client went away during a call; the call was ended");
      break;
    }
    waits[1].fd = -1;
    limit = &grace;
  }
  kill(child, SIGKILL);
}

// What the client of a socket sees when its own session timeout ended the session.
static void answer_timeout(int socket) {
  TVMFFIObjectHandle answer = ffi_global("rpc.ReturnException");
  if (answer == NULL) return;
  TVMFFIAny args[2] = {ffi_int(socket),
                       ffi_string("RPCSessionTimeoutError: the session has expired, "
                                  "try to increase the \"session_timeout\" value.")};
  TVMFFIAny result = ffi_none();
  if (TVMFFIFunctionCall(answer, args, 2, &result) != 0) ffi_log_raised("cannot answer");
  TVMFFIObjectDecRef(answer);
}

static int conclude(const SessionPlan *plan, int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  int number = WTERMSIG(status);
  if (stop_signal != 0) return 128 + stop_signal;
  if (number == SIGALRM) {
    server_log("the session's timeout is over");
    if (plan->key != NULL) answer_timeout(plan->in);
  } else if (number != SIGKILL) {
    server_log("the session was ended by signal %d (%s)", number, strsignal(number));
  }
  return 128 + number;
}

int session_run(const SessionPlan *plan) {
  Workspace workspace;
  int life[2];
  if (workspace_create(&workspace) != 0) return kExitSetup;
  pid_t server = getpid();
  pid_t child = -1;
  int result = kExitSetup;
  if (pipe2(life, O_CLOEXEC) == 0) {
    child = fork();
    if (child == 0) {
      become_session(server);
      close(life[0]);
      // exit() and not _exit(): the runtime joins its threads.
      exit(serve(plan, &workspace));
    }
    close(life[1]);
    if (child > 0) {
      int status = 0;
      watch(plan, child, life[0]);
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
      result = conclude(plan, status);
    }
    close(life[0]);
  }
  if (child < 0) server_log("cannot start a session: %s", strerror(errno));
  workspace_remove(&workspace);
  return result;
}
