// The session's private folder under $TMPDIR.
#pragma once

#include <stddef.h>

// Makes it and writes its path; an open, locked descriptor, or -1. Removes those that a killed
// session left.
int folder_make(char *path, size_t size);

// Removes it with everything in it; follows no link.
void folder_remove(const char *path);
