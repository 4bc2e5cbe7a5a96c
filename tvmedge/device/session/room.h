// Where a session's program runs: namespaces, a root of its own, another user, limits.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "files.h"
#include "options.h"

// What confines a program, as bits.
enum {
  kOwnProcesses = 1,  // it sees and signals its own processes only, and all of them end with it
  kNoNetwork = 2,
  kOwnRoot = 4,  // read-only system folders, its program's folder, /tmp
  kOwnUser = 8,  // a user of its own, or no more than the one who started it
  kCounted = 16,  // it has no memory that the keeper does not see
};

typedef enum { kTooMuchMemory = 1, kTooManyProcesses = 2, kDisk = 3, kCpu = 4 } Exceeded;

// What the keeper of a room tells: when the program starts, now and then, when it has ended.
typedef struct {
  uint8_t over;
  uint8_t confined;
  uint8_t exceeded;  // 0 or an Exceeded
  int status;        // as of waitpid
  int64_t kib;       // of memory that is nobody else's, all processes together; 0 when not looked at
  int64_t peak_kib;  // of the program's own memory, files it maps among it
  int64_t cpu_ms;
} Tiding;

typedef struct {
  char folder[256];  // empty, or the program's where it has no root of its own
  int note;          // what the program runs, see note.h
  int lock;          // held as long as the folder is in use
  pid_t keeper;
  int in, out, err;  // the program's streams, our ends
  int tidings;       // Tiding
  int life;          // closed when we end, and so does the room
} Room;

// Starts the program; NULL, or what went wrong (with errno).
const char *room_open(const Options *options, const Files *files, Room *room);

// Ends whatever is left and removes the folder.
void room_close(Room *room);
