// What the command line of tvmedge-session says.
#pragma once

#include <stdint.h>

enum { kExitOk = 0, kExitUsage = 2, kExitSession = 4, kExitSetup = 6 };

// What a session may use; 0 is without limit.
typedef struct {
  long memory_mb;     // of all its processes together, without files they map
  long cpu_seconds;   // of each process
  long wall_seconds;  // from start to end
  long disk_mb;       // of the folder it may write to
  long files;         // open at a time, of each process
  long processes;     // and threads, at a time
  long silence_seconds;  // that the host may take between two frames
} Limits;

enum { kPlacesMax = 16 };

// Folders and files that the program needs besides those of the system, absolute.
typedef struct {
  const char *shown[kPlacesMax + 1];  // read-only; ended by NULL
  const char *kept[kPlacesMax + 1];   // to write to, from session to session; ended by NULL
} Places;

typedef struct {
  Limits limits;
  Places places;
  const char *cache;  // the folder of files that hosts sent; NULL: hosts send none
  long cache_mb;      // that they may take together
  char **program;  // and its arguments, ended by NULL
} Options;

// Fills the options; returns -1 to go on, else the exit code.
int options_parse(int argc, char **argv, Options *options);
