// A root of its own for a program: what it needs to see, read-only, and a folder to write to.
#pragma once

#include "options.h"

// Mounts a new root at `folder` and enters it; needs a mount namespace of its own. Visible are
// the system's folders, files that the program's command names, a few devices, the places of the
// options, and /tmp, which holds at most limits.disk_mb. Returns 0, or -1 with errno: then nothing
// has changed.
int walls_raise(const char *folder, const Options *options);
