#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "direct.h"
#include "folder.h"
#include "keeper.h"
#include "note.h"

enum { kPipeBytes = 1 << 20, kFirstUser = 0x70000000, kPatience = 500 };
enum { kAlone = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS };

static int write_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t length = (ssize_t)strlen(text);
  int wrong = write(file, text, (size_t)length) != length;
  close(file);
  return wrong ? -1 : 0;
}

// In a user namespace of its own: the same user, who may do there what the room takes.
static int stay_user(uid_t user, gid_t group) {
  char map[48];
  if (write_file("/proc/self/setgroups", "deny") != 0 && errno != ENOENT) return -1;
  snprintf(map, sizeof map, "%u %u 1", (unsigned)user, (unsigned)user);
  if (write_file("/proc/self/uid_map", map) != 0) return -1;
  snprintf(map, sizeof map, "%u %u 1", (unsigned)group, (unsigned)group);
  return write_file("/proc/self/gid_map", map);
}

// fork() into new namespaces; the call itself, because C libraries do not offer it.
static pid_t fork_into(int namespaces) {
  return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
}

// Starts the keeper in as many namespaces as there are to be had.
static pid_t start_keeper(Keeper *keeper) {
  uid_t user = geteuid();
  gid_t group = getegid();
  // Root may be one that a container forbids namespaces, but for those of a user.
  for (int own_user = user != 0; own_user < 2; own_user++) {
    pid_t pid = fork_into(own_user ? kAlone | CLONE_NEWUSER : kAlone);
    if (pid > 0) return pid;
    if (pid < 0) continue;
    if (own_user && stay_user(user, group) != 0) _exit(1);
    if (own_user) keeper->user = 0;
    keeper->confined = kOwnProcesses | kNoNetwork | (own_user ? kOwnUser : 0);
    keeper_run(keeper);
  }
  pid_t pid = fork();
  if (pid == 0) keeper_run(keeper);
  return pid;
}

enum { kIn, kOut, kErr, kTidings, kLife, kPipes };

static int make_pipes(int pipes[kPipes][2]) {
  for (int i = 0; i < kPipes; i++) pipes[i][0] = pipes[i][1] = -1;
  for (int i = 0; i < kPipes; i++) {
    if (pipe2(pipes[i], O_CLOEXEC) != 0) return -1;
  }
  // Fewer wake-ups; a system that does not allow it has smaller ones.
  fcntl(pipes[kIn][0], F_SETPIPE_SZ, kPipeBytes);
  fcntl(pipes[kOut][0], F_SETPIPE_SZ, kPipeBytes);
  return 0;
}

const char *room_open(const Options *options, const Files *files, Room *room) {
  int pipes[kPipes][2];
  room->keeper = -1;
  room->lock = folder_make(room->folder, sizeof room->folder);
  if (room->lock < 0) return "cannot make a private folder";
  room->note = note_make();
  if (make_pipes(pipes) != 0) return "cannot make pipes";
  int direct[kDirectEnds], directs = direct_find(direct);
  if (directs < 0) return "TVMEDGE_DIRECT names no two pipes";
  // What is kept belongs to the one who started us, and so must who writes it.
  int own_user = geteuid() == 0 && options->places.kept[0] == NULL;
  Keeper keeper = {.options = options,
                   .files = files,
                   .note = room->note,
                   .direct = direct,
                   .directs = directs,
                   .folder = room->folder,
                   .user = own_user ? kFirstUser + (uid_t)getpid() : 0,
                   .in = pipes[kIn][0],
                   .out = pipes[kOut][1],
                   .err = pipes[kErr][1],
                   .tidings = pipes[kTidings][1],
                   .life = pipes[kLife][0]};
  room->in = keeper.not_its[0] = pipes[kIn][1];
  room->out = keeper.not_its[1] = pipes[kOut][0];
  room->err = keeper.not_its[2] = pipes[kErr][0];
  room->tidings = keeper.not_its[3] = pipes[kTidings][0];
  room->life = keeper.not_its[4] = pipes[kLife][1];
  for (int i = 0; i < 4; i++) fcntl(keeper.not_its[i], F_SETFL, O_NONBLOCK);
  room->keeper = start_keeper(&keeper);
  const int its[] = {keeper.in, keeper.out, keeper.err, keeper.tidings, keeper.life};
  for (int i = 0; i < kPipes; i++) close(its[i]);
  for (int i = 0; i < directs; i++) close(direct[i]);
  return room->keeper < 0 ? "cannot start a process" : NULL;
}

void room_close(Room *room) {
  if (room->keeper > 0) {
    const struct timespec step = {.tv_nsec = 2 * 1000 * 1000};
    close(room->life);
    for (int i = 0; i < kPatience && waitpid(room->keeper, NULL, WNOHANG) == 0; i++) {
      nanosleep(&step, NULL);
      if (i == kPatience - 1) {
        kill(room->keeper, SIGKILL);  // and with it everything in its namespace
        waitpid(room->keeper, NULL, 0);
      }
    }
  }
  if (room->lock >= 0) {
    folder_remove(room->folder);
    close(room->lock);
  }
}
