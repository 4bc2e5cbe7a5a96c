#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "memory.h"
#include "walls.h"

enum { kWatchMs = 100, kCannotStart = 127 };

extern char **environ;

static void limit(int resource, long most) {
  if (most <= 0) return;
  struct rlimit both = {(rlim_t)most, (rlim_t)most};
  setrlimit(resource, &both);
}

static void set_limits(const Limits *limits, int own_user) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  limit(RLIMIT_NOFILE, limits->files);
  limit(RLIMIT_FSIZE, limits->disk_mb << 20);
  // What the watch below would see too late: it looks ten times a second.
  if (limits->memory_mb > 0) limit(RLIMIT_DATA, (2 * limits->memory_mb + 256) << 20);
  // Of all processes of a user: one that is not the session's alone has others.
  if (own_user) limit(RLIMIT_NPROC, limits->processes);
  if (limits->cpu_seconds > 0) {
    struct rlimit cpu = {(rlim_t)limits->cpu_seconds, (rlim_t)limits->cpu_seconds + 1};
    setrlimit(RLIMIT_CPU, &cpu);
  }
}

// Whether an environment's entry is the program's business: its own settings, no secrets.
static int passes(const char *entry) {
  static const char *const kept[] = {"PATH=", "LANG=", "LD_LIBRARY_PATH=", "TVM", "QEMU_",
                                     "OCL_",  "POCL_", "OPENCL_",          NULL};
  for (const char *const *prefix = kept; *prefix != NULL; prefix++) {
    if (strncmp(entry, *prefix, strlen(*prefix)) == 0) return 1;
  }
  return 0;
}

// Tells the program the numbers of descriptors that it inherits.
static void hand_over(const char *name, const int *descriptors, int count) {
  char numbers[16 * kFilesMax] = "";
  unsetenv(name);
  for (int i = 0; i < count; i++) {
    size_t used = strlen(numbers);
    fcntl(descriptors[i], F_SETFD, 0);
    snprintf(numbers + used, sizeof numbers - used, i == 0 ? "%d" : ",%d", descriptors[i]);
  }
  if (count > 0) setenv(name, numbers, 1);
}

static void set_environment(const Keeper *keeper, const char *folder) {
  char **kept = environ;
  for (char **entry = environ; *entry != NULL; entry++) {
    if (passes(*entry)) *kept++ = *entry;
  }
  *kept = NULL;
  setenv("TMPDIR", folder, 1);
  setenv("HOME", folder, 1);
  hand_over("TVMEDGE_FILES", keeper->files->open, keeper->files->count);
  hand_over("TVMEDGE_NOTE", &keeper->note, keeper->note >= 0);
  hand_over("TVMEDGE_DIRECT", keeper->direct, keeper->directs);
}

static _Noreturn void become_program(const Keeper *keeper, const char *folder, uid_t user) {
  const Options *options = keeper->options;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(keeper->in, 0) < 0 || dup2(keeper->out, 1) < 0 || dup2(keeper->err, 2) < 0 ||
      chdir(folder) != 0) {
    _exit(kCannotStart);
  }
  set_limits(&options->limits, keeper->confined & kOwnUser);
  if (user != 0 && (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 ||
                    setresuid(user, user, user) != 0)) {
    _exit(kCannotStart);
  }
  // Who stays root has no more rights than another, from the program's start on.
  for (int right = 0; prctl(PR_CAPBSET_READ, right, 0, 0, 0) >= 0; right++) {
    prctl(PR_CAPBSET_DROP, right, 0, 0, 0);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  set_environment(keeper, folder);
  execvp(options->program[0], options->program);
  fprintf(stderr, "cannot start %s: %s\n", options->program[0], strerror(errno));
  _exit(kCannotStart);
}

typedef struct {
  int64_t kib;
  long processes;  // 0 where others' cannot be told from the session's
} Usage;

static Usage usage_of(const Keeper *keeper, pid_t program) {
  Shared shared = {.count = 0};
  Usage usage = {0, 0};
  if (!(keeper->confined & kOwnRoot)) {  // /proc shows others' processes too
    char name[24];
    snprintf(name, sizeof name, "%d", (int)program);
    usage.kib = memory_kib(name, &shared);
    return usage;
  }
  DIR *entries = opendir("/proc");
  if (entries == NULL) return usage;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    usage.processes++;
    usage.kib += memory_kib(entry->d_name, &shared);
  }
  closedir(entries);
  return usage;
}

// What the session uses too much of, 0 or an Exceeded.
static uint8_t exceeded(const Limits *limits, Usage usage) {
  if (limits->memory_mb > 0 && usage.kib > (int64_t)limits->memory_mb * 1024) return kTooMuchMemory;
  // The keeper is one; forks fail at the limit, so that none is ever seen beyond it.
  int many = limits->processes > 0 && usage.processes > limits->processes;
  return many ? kTooManyProcesses : 0;
}

// What a program that failed had used up, 0 or an Exceeded.
static uint8_t exhausted(const Keeper *keeper, const char *folder, const Tiding *tiding) {
  int number = WIFSIGNALED(tiding->status) ? WTERMSIG(tiding->status) : 0;
  int64_t memory_mb = keeper->options->limits.memory_mb;
  struct statvfs disk;
  if (number == SIGXCPU) return kCpu;
  if (number == SIGXFSZ) return kDisk;
  if (statvfs(folder, &disk) == 0 && disk.f_blocks > 0 && disk.f_bavail == 0) return kDisk;
  return memory_mb > 0 && tiding->peak_kib > memory_mb * 1024 ? kTooMuchMemory : 0;
}

static void end_all(const Keeper *keeper, pid_t program) {
  if (keeper->confined & kOwnProcesses) kill(-1, SIGKILL);
  kill(program, SIGKILL);
  kill(-program, SIGKILL);
}

static void tell(const Keeper *keeper, const Tiding *tiding) {
  if (write(keeper->tidings, tiding, sizeof *tiding) != sizeof *tiding) _exit(1);
}

// Tells what is used, unless nobody listens: the watch must go on.
static void mention(const Keeper *keeper, Usage usage) {
  struct pollfd room = {.fd = keeper->tidings, .events = POLLOUT};
  Tiding tiding = {.confined = keeper->confined, .kib = usage.kib};
  if (usage.kib > 0 && poll(&room, 1, 0) == 1) tell(keeper, &tiding);
}

// Waits for the program's end and watches it until then.
static Tiding attend(const Keeper *keeper, pid_t program, int children) {
  Tiding tiding = {.over = 1, .confined = keeper->confined};
  struct pollfd waits[2] = {{.fd = keeper->life}, {.fd = children, .events = POLLIN}};
  for (;;) {
    struct rusage used;
    int status;
    pid_t ended;
    while ((ended = wait4(-1, &status, WNOHANG, &used)) > 0) {
      if (ended != program) continue;
      tiding.status = status;
      tiding.peak_kib = used.ru_maxrss;
      tiding.cpu_ms = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                      (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
      return tiding;
    }
    struct signalfd_siginfo info;
    if (poll(waits, 2, kWatchMs) > 0 && waits[0].revents != 0) end_all(keeper, program);
    if (waits[1].revents != 0 && read(children, &info, sizeof info) < 0) continue;
    if (tiding.exceeded != 0) continue;
    Usage usage = usage_of(keeper, program);
    mention(keeper, usage);
    tiding.exceeded = exceeded(&keeper->options->limits, usage);
    if (tiding.exceeded != 0) end_all(keeper, program);
  }
}

void keeper_run(Keeper *keeper) {
  const Options *options = keeper->options;
  const char *folder = keeper->folder;
  sigset_t child;
  for (int i = 0; i < 5; i++) close(keeper->not_its[i]);
  close(0);
  close(1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "tvmedge-keeper");
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_SETMASK, &child, NULL);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  uid_t user = 0;
  if (keeper->confined & kOwnProcesses) {
    if (walls_raise(folder, options) == 0) {
      keeper->confined |= kOwnRoot;
      folder = "/tmp";
    }
  }
  if (keeper->user != 0 && chown(folder, keeper->user, keeper->user) == 0) {
    user = keeper->user;
    keeper->confined |= kOwnUser;
    // For those who open /dev/stdin by name.
    const int streams[] = {keeper->in, keeper->out, keeper->err};
    for (int i = 0; i < 3; i++) (void)!fchown(streams[i], user, user);
    for (int i = 0; i < keeper->directs; i++) (void)!fchown(keeper->direct[i], user, user);
  }
  if (calls_deny() == 0) keeper->confined |= kCounted;
  Tiding ready = {.confined = keeper->confined};
  pid_t program = fork();
  if (program == 0) {
    setpgid(0, 0);
    become_program(keeper, folder, user);
  }
  close(keeper->in);
  close(keeper->out);
  close(keeper->err);
  for (int i = 0; i < keeper->directs; i++) close(keeper->direct[i]);
  if (program < 0) _exit(1);
  tell(keeper, &ready);
  Tiding tiding = attend(keeper, program, children);
  if (tiding.exceeded == 0 && tiding.status != 0) tiding.exceeded = exhausted(keeper, folder, &tiding);
  end_all(keeper, program);
  tell(keeper, &tiding);
  _exit(0);
}
