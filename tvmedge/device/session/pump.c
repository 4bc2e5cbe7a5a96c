#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "note.h"

enum {
  kAliveMs = 5 * 1000,  // between two signs of life to the host
  kGraceMs = 2 * 1000,  // for the program after its host has gone, for the host to read the end
  kTextMost = 1 << 16,  // of what the program says on stderr, in all
};

// Bytes on their way: filled when empty, then emptied.
typedef struct {
  uint8_t bytes[kFrameHead + kFrameMax];
  size_t start, end;
} Load;

typedef struct {
  const Options *options;
  Room *room;
  Load to_program, to_host;
  uint8_t head[kFrameHead];  // of the frame that is coming in
  size_t head_filled;
  uint32_t body_left;
  int host_closed, in_ending;  // nothing more comes from the host; the program's stdin is to end
  int out_open, err_open, started_program, told_room, told_memory;
  size_t text_left;
  int64_t started, heard, told, gone;  // ms; gone: when the host went, 0 while it is there
  Tiding tiding;
  char why[160];  // what ends the session, empty while it goes on
} Pump;

static volatile sig_atomic_t stopped = 0;

static void on_signal(int number) { stopped = number; }

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void stop(Pump *pump, const char *why) {
  if (pump->why[0] == 0) snprintf(pump->why, sizeof pump->why, "%s", why);
}

static void queue(Pump *pump, FrameKind kind, size_t bytes) {
  frame_write(pump->to_host.bytes, kind, (uint32_t)bytes);
  pump->to_host.start = 0;
  pump->to_host.end = kFrameHead + bytes;
}

static int empty(const Load *load) { return load->start == load->end; }

// Writes what fits; -1 when nobody reads any more.
static int drain(Load *load, int fd) {
  ssize_t put = write(fd, load->bytes + load->start, load->end - load->start);
  if (put < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  load->start += (size_t)put;
  return 0;
}

static void begin_frame(Pump *pump) {
  Frame frame;
  const char *wrong = frame_read(pump->head, &frame);
  pump->head_filled = 0;
  if (wrong != NULL) {
    char why[120];
    snprintf(why, sizeof why, "refused the host: it sent %s", wrong);
    stop(pump, why);
  } else if (frame.kind == kEnd) {
    pump->in_ending = 1;
  } else if (frame.kind == kStop) {
    stop(pump, "ended: its host wanted it");
  } else if (frame.kind == kData) {
    if (pump->in_ending) stop(pump, "refused the host: it sent data after the end");
    pump->body_left = frame.bytes;
  }
}

static void hear_host(Pump *pump) {
  int heading = pump->body_left == 0;
  uint8_t *to = heading ? pump->head + pump->head_filled : pump->to_program.bytes;
  size_t most = heading ? kFrameHead - pump->head_filled : pump->body_left;
  ssize_t got = read(STDIN_FILENO, to, most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    pump->host_closed = pump->in_ending = 1;
    if (pump->gone == 0) pump->gone = now_ms();
    return;
  }
  pump->heard = now_ms();
  if (heading) {
    pump->head_filled += (size_t)got;
    if (pump->head_filled == kFrameHead) begin_frame(pump);
  } else {
    pump->body_left -= (uint32_t)got;
    pump->to_program.start = 0;
    pump->to_program.end = (size_t)got;
  }
}

// What the program wrote becomes a frame; returns whether there can be more.
static int hear_program(Pump *pump, int fd, FrameKind kind) {
  ssize_t got = read(fd, pump->to_host.bytes + kFrameHead, kFrameMax);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return 0;
  size_t bytes = (size_t)got;
  if (kind == kText) {
    if (bytes > pump->text_left) bytes = pump->text_left;
    pump->text_left -= bytes;
  }
  if (bytes > 0) queue(pump, kind, bytes);
  return 1;
}

static void hear_keeper(Pump *pump) {
  Tiding tiding;
  ssize_t got = read(pump->room->tidings, &tiding, sizeof tiding);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got != sizeof tiding) {
    stop(pump, "ended: its keeper is gone");
  } else {
    pump->tiding = tiding;
    pump->started_program = 1;
    pump->told_memory = tiding.kib == 0;
  }
}

static void tell_room(Pump *pump) {
  uint8_t confined = pump->tiding.confined;
  int length = snprintf((char *)pump->to_host.bytes + kFrameHead, 128, "%s%s%s%s%s",
                        confined & kOwnProcesses ? "processes " : "",
                        confined & kNoNetwork ? "network " : "", confined & kOwnRoot ? "files " : "",
                        confined & kOwnUser ? "user " : "", confined & kCounted ? "memory " : "");
  queue(pump, kRoom, (size_t)length);
  pump->told_room = 1;
}

static void tell_memory(Pump *pump) {
  int length = snprintf((char *)pump->to_host.bytes + kFrameHead, 48, "%lld %lld",
                        (long long)(now_ms() - pump->started), (long long)pump->tiding.kib);
  queue(pump, kMemory, (size_t)length);
  pump->told_memory = 1;
}

// Ends what has lasted too long; returns how many ms the next look may wait.
static int look_at_clock(Pump *pump) {
  const Limits *limits = &pump->options->limits;
  int64_t now = now_ms();
  // While the program does not take what it was sent, the host's later frames are not looked at.
  if (!empty(&pump->to_program)) pump->heard = now;
  if (limits->wall_seconds > 0 && now - pump->started > limits->wall_seconds * 1000) {
    char why[80];
    snprintf(why, sizeof why, "limit wall %ld s", limits->wall_seconds);
    stop(pump, why);
  }
  if (pump->gone != 0 && now - pump->gone > kGraceMs) stop(pump, "ended: the host went away");
  if (pump->gone == 0 && now - pump->heard > limits->silence_seconds * 1000) {
    stop(pump, "ended: the host was silent");
  }
  if (now - pump->told > kAliveMs && empty(&pump->to_host)) {
    queue(pump, kAlive, 0);
    pump->told = now;
  }
  if (stopped) stop(pump, "ended: by a signal on the board");
  return 200;
}

static void step(Pump *pump) {
  Room *room = pump->room;
  if (pump->started_program && !pump->told_room && empty(&pump->to_host)) tell_room(pump);
  if (pump->told_room && !pump->told_memory && empty(&pump->to_host)) tell_memory(pump);
  if (pump->in_ending && empty(&pump->to_program) && room->in >= 0) {
    close(room->in);
    room->in = -1;
  }
  int free = empty(&pump->to_host), wanted = empty(&pump->to_program);
  struct pollfd waits[] = {
      {.fd = pump->host_closed || (pump->gone != 0 && !wanted) ? -1 : STDIN_FILENO,
       .events = (short)(POLLRDHUP | (wanted ? POLLIN : 0))},
      {.fd = wanted ? -1 : room->in, .events = POLLOUT},
      {.fd = free && pump->out_open ? room->out : -1, .events = POLLIN},
      {.fd = free && pump->err_open ? room->err : -1, .events = POLLIN},
      {.fd = free ? -1 : STDOUT_FILENO, .events = POLLOUT},
      {.fd = pump->tiding.over ? -1 : room->tidings, .events = POLLIN},
  };
  if (poll(waits, sizeof waits / sizeof *waits, look_at_clock(pump)) <= 0) return;
  if (waits[0].revents != 0) {
    if (wanted) {
      hear_host(pump);
    } else if (pump->gone == 0) {
      pump->gone = now_ms();  // and what it has sent before is still to be read
    }
  }
  if (waits[1].revents != 0 && drain(&pump->to_program, room->in) != 0) {
    pump->to_program.start = pump->to_program.end;  // the program reads no more: its end tells why
  }
  if (waits[4].revents != 0 && drain(&pump->to_host, STDOUT_FILENO) != 0) {
    stop(pump, "ended: the host reads no more");
  }
  if (waits[2].revents != 0) pump->out_open = hear_program(pump, room->out, kData);
  if (waits[3].revents != 0 && empty(&pump->to_host)) {
    pump->err_open = hear_program(pump, room->err, kText);
  }
  if (waits[5].revents != 0) hear_keeper(pump);
}

static void describe_end(const Pump *pump, char *text, size_t size) {
  const Limits *limits = &pump->options->limits;
  const Tiding *tiding = &pump->tiding;
  int status = tiding->status;
  if (pump->why[0] != 0) {
    snprintf(text, size, "%s", pump->why);
  } else if (tiding->exceeded == kTooMuchMemory) {
    snprintf(text, size, "limit memory %ld MiB", limits->memory_mb);
  } else if (tiding->exceeded == kTooManyProcesses) {
    snprintf(text, size, "limit processes %ld", limits->processes);
  } else if (tiding->exceeded == kCpu) {
    snprintf(text, size, "limit cpu %ld s", limits->cpu_seconds);
  } else if (tiding->exceeded == kDisk) {
    snprintf(text, size, "limit disk %ld MiB", limits->disk_mb);
  } else if (WIFSIGNALED(status)) {
    snprintf(text, size, "signal %d", WTERMSIG(status));
  } else {
    snprintf(text, size, "exit %d", WEXITSTATUS(status));
  }
}

// The last frame; a host that does not read it within the grace goes without.
static void tell_end(Pump *pump) {
  int64_t deadline = now_ms() + kGraceMs;
  char end[192], kernel[kNoteName], *text = (char *)pump->to_host.bytes + kFrameHead;
  note_read(pump->room->note, kernel);
  for (int last = 0; last < 2; last++) {
    if (last) {
      describe_end(pump, end, sizeof end);
      const Tiding *tiding = &pump->tiding;
      int length = snprintf(text, 320, "%s\npeak_kib %lld\ncpu_ms %lld\nwall_ms %lld\nkernel %s\n",
                            end, (long long)tiding->peak_kib, (long long)tiding->cpu_ms,
                            (long long)(now_ms() - pump->started), kernel);
      queue(pump, kOver, (size_t)length);
    }
    while (!empty(&pump->to_host) && now_ms() < deadline) {
      struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};
      if (poll(&wait, 1, 100) > 0 && drain(&pump->to_host, STDOUT_FILENO) != 0) return;
    }
  }
}

int pump_run(const Options *options, Room *room) {
  static Pump pump;
  pump.options = options;
  pump.room = room;
  pump.out_open = pump.err_open = pump.told_memory = 1;
  pump.text_left = kTextMost;
  pump.started = pump.heard = pump.told = now_ms();
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
  // Until the program has ended and all that it wrote is on its way.
  while (pump.why[0] == 0 && !(pump.tiding.over && !pump.out_open && !pump.err_open)) step(&pump);
  room_close(room);
  tell_end(&pump);
  int clean = pump.why[0] == 0 && pump.tiding.exceeded == 0 && pump.tiding.status == 0;
  return clean ? kExitOk : kExitSession;
}
