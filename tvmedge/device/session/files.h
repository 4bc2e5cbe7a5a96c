// The files that a program is to find: its host names them by their hashes and sends what is not
// there, piece by piece, before the program starts.
#pragma once

#include "options.h"

enum { kFilesMax = 4 };

typedef struct {
  int count;
  int open[kFilesMax];  // in the order in which the host named them, read-only
} Files;

// Carries on until the host lets the program start; returns -1 then, else the exit code: the host
// was told why, if it still listens.
int files_receive(const Options *options, Files *files);
