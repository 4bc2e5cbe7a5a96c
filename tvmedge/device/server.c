// tvmedge-server: lets a host run compiled models on this board.
//
// By default it speaks TVM's RPC protocol over its own stdin and stdout, so that the
// board needs no open port: whoever can start a program here (ssh, adb, an emulator)
// has a connection. With --listen it serves stock TVM clients over TCP as well.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_ffi.h"
#include "server_log.h"
#include "server_session.h"

#ifndef TVMEDGE_VERSION
#define TVMEDGE_VERSION "unknown"
#endif

// The first line on stdout in pipe mode; the number changes with the protocol.
static const char kPreamble[] = "tvmedge-server 1\n";

static const char kHelp[] =
    "usage: tvmedge-server [options]\n"
    "\n"
    "Serves one session over stdin and stdout, or many over TCP with --listen.\n"
    "\n"
    "  --listen ADDRESS:PORT  serve TVM RPC clients; port 0 picks a free one and prints it\n"
    "  --any-address          allow --listen on addresses other than loopback: whoever\n"
    "                         reaches the port can run any code as this user\n"
    "  --key KEY              the key that clients of --listen must name (default: empty)\n"
    "  --max-packet-mb N      refuse larger packets (default: 1024)\n"
    "  --stall-seconds N      give up on a client silent inside a packet (default: 60)\n"
    "  --threads N            threads for kernels (sets TVM_NUM_THREADS)\n"
    "  --help, --version\n"
    "\n"
    "Work files go to $TMPDIR (default /tmp), which must allow executing libraries.\n"
    "Exit codes: 0 the client closed the session; 2 bad usage; 4 the connection failed;\n"
    "6 no work directory, port or runtime; 128+N signal N ended the session or server.\n";

typedef struct {
  const char *listen;
  const char *key;
  int any_address;
  uint64_t packet_limit;
  int stall_ms;
} Options;

volatile sig_atomic_t stop_signal = 0;

static void on_signal(int number) { stop_signal = number; }

void server_log(const char *format, ...) {
  char line[1024];
  int n = snprintf(line, sizeof line, "tvmedge-server: ");
  va_list args;
  va_start(args, format);
  vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
  va_end(args);
  size_t length = strlen(line);
  line[length++] = '\n';
  ssize_t ignored = write(STDERR_FILENO, line, length);
  (void)ignored;
}

// A whole number from 1 to max, or 0 when the text is none.
static long parse_count(const char *text, long max) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != 0 || value < 1 || value > max) return 0;
  return value;
}

static int print_version(void) {
  TVMFFIVersion ffi;
  TVMFFIGetVersion(&ffi);
  printf("tvmedge-server %s (protocol 1, tvm_ffi %u.%u.%u)\n", TVMEDGE_VERSION, ffi.major,
         ffi.minor, ffi.patch);
  return kExitOk;
}

// Fills the options; returns -1 to go on, else the exit code.
static int parse_options(int argc, char **argv, Options *options) {
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i];
    if (strcmp(name, "--help") == 0) {
      fputs(kHelp, stdout);
      return kExitOk;
    }
    if (strcmp(name, "--version") == 0) return print_version();
    if (strcmp(name, "--any-address") == 0) {
      options->any_address = 1;
      continue;
    }
    const char *value = i + 1 < argc ? argv[++i] : NULL;
    long number = value != NULL ? parse_count(value, 1000 * 1000) : 0;
    if (value != NULL && strcmp(name, "--listen") == 0) {
      options->listen = value;
    } else if (value != NULL && strcmp(name, "--key") == 0 && strlen(value) <= 200 &&
               strchr(value, ' ') == NULL) {
      options->key = value;
    } else if (number > 0 && strcmp(name, "--max-packet-mb") == 0) {
      options->packet_limit = (uint64_t)number << 20;
    } else if (number > 0 && strcmp(name, "--stall-seconds") == 0) {
      options->stall_ms = (int)number * 1000;
    } else if (number > 0 && strcmp(name, "--threads") == 0) {
      setenv("TVM_NUM_THREADS", value, 1);
    } else {
      server_log("cannot use option '%s%s%s'; --help lists the options", name,
                 value != NULL ? " " : "", value != NULL ? value : "");
      return kExitUsage;
    }
  }
  return -1;
}

static int is_loopback(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const void *)address;
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const struct sockaddr_in6 *v6 = (const void *)address;
  return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

// Resolves a numeric ADDRESS:PORT or [ADDRESS]:PORT; returns NULL after logging.
static struct addrinfo *parse_address(const char *text) {
  char host[64];
  const char *colon = strrchr(text, ':');
  size_t length = colon != NULL ? (size_t)(colon - text) : 0;
  if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
    text++;
    length -= 2;
  }
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
  struct addrinfo *found = NULL;
  if (length > 0 && length < sizeof host) {
    memcpy(host, text, length);
    host[length] = 0;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) found = NULL;
  }
  if (found == NULL) server_log("--listen expects a numeric ADDRESS:PORT, like 127.0.0.1:9090");
  return found;
}

static int open_port(const struct addrinfo *address) {
  int on = 1;
  int port = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (port < 0) return -1;
  setsockopt(port, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(port, address->ai_addr, address->ai_addrlen) != 0 || listen(port, 4) != 0) {
    close(port);
    return -1;
  }
  return port;
}

// Prints the address in use, whose port number the system may have chosen.
static void announce(int port) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  char host[64], service[16];
  getsockname(port, (struct sockaddr *)&address, &length);
  getnameinfo((struct sockaddr *)&address, length, host, sizeof host, service, sizeof service,
              NI_NUMERICHOST | NI_NUMERICSERV);
  printf(address.ss_family == AF_INET6 ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host,
         service);
  fflush(stdout);
}

// Makes a vanished client end the session: TCP itself never would.
static void tune_socket(int client) {
  int on = 1, idle_s = 30, probe_s = 10, probes = 3;
  struct timeval send_limit = {.tv_sec = 60};
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(client, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof probe_s);
  setsockopt(client, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof send_limit);
}

// Serves clients one after another until a signal stops the server.
static int serve_port(const Options *options, const sigset_t *unmask) {
  struct addrinfo *address = parse_address(options->listen);
  if (address == NULL) return kExitUsage;
  if (!is_loopback(address->ai_addr)) {
    if (!options->any_address) {
      server_log("--listen on other than loopback needs --any-address: anyone who reaches the "
                 "port could run code here");
      freeaddrinfo(address);
      return kExitUsage;
    }
    server_log("warning: this port is open to the network without authentication");
  }
  int port = open_port(address);
  freeaddrinfo(address);
  if (port < 0) {
    server_log("cannot listen on %s: %s", options->listen, strerror(errno));
    return kExitSetup;
  }
  announce(port);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  while (stop_signal == 0) {
    struct pollfd wait = {.fd = port, .events = POLLIN};
    if (ppoll(&wait, 1, NULL, unmask) <= 0) continue;
    int client = accept4(port, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    tune_socket(client);
    SessionPlan plan = {client, client, options->key, options->packet_limit, options->stall_ms,
                        unmask};
    session_run(&plan);
    close(client);
  }
  close(port);
  return 128 + stop_signal;
}

// Puts a session's own pipes in the place of these, where it hands some over (session/direct.h);
// returns -1 where what it names is none.
static int take_direct(int *in, int *out) {
  const char *named = getenv("TVMEDGE_DIRECT");
  int ends[2];
  if (named == NULL) return 0;
  if (sscanf(named, "%d,%d", &ends[0], &ends[1]) != 2 ||
      fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0) {
    server_log("TVMEDGE_DIRECT names no two pipes");
    return -1;
  }
  close(*in);
  close(*out);
  *in = ends[0];
  *out = ends[1];
  return 0;
}

// Serves the one client at the other end of stdin and stdout.
static int serve_pipe(const Options *options, const sigset_t *unmask) {
  int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (in < 0 || out < 0 || null < 0) {
    server_log("stdin and stdout must be open");
    return kExitSetup;
  }
  // A library that reads or prints must not touch the protocol.
  dup2(null, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  close(null);
  if (write(out, kPreamble, strlen(kPreamble)) != (ssize_t)strlen(kPreamble)) return kExitSession;
  if (take_direct(&in, &out) != 0) return kExitSetup;
  SessionPlan plan = {in, out, NULL, options->packet_limit, options->stall_ms, unmask};
  return session_run(&plan);
}

int main(int argc, char **argv) {
  Options options = {.key = "", .packet_limit = (uint64_t)1 << 30, .stall_ms = 60 * 1000};
  int parsed = parse_options(argc, argv, &options);
  if (parsed >= 0) return parsed;

  // Idle threads sleep after 1 ms; TVM's own count keeps cores busy for 0.16 s after each run.
  setenv("TVM_THREAD_POOL_SPIN_COUNT", "2000", 0);

  // Sorting and random numbers live in a second library, which a board may leave out.
  dlopen("libtvm_runtime_extra.so", RTLD_NOW | RTLD_GLOBAL);
  // GPUs have theirs in the folders of boards that have one; drivers are looked for on use.
  dlopen("libtvmedge-opencl.so", RTLD_NOW | RTLD_GLOBAL);

  sigset_t stops, unmask;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGHUP);
  sigprocmask(SIG_BLOCK, &stops, &unmask);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  signal(SIGPIPE, SIG_IGN);

  return options.listen != NULL ? serve_port(&options, &unmask) : serve_pipe(&options, &unmask);
}
