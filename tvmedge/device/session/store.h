// Files that hosts sent, kept from session to session by the hash of their content.
//
// FOLDER/HASH is whole and read-only, FOLDER/HASH.N a file that is still on its way. What was not used
// for the longest time makes room for what comes.
#pragma once

#include <stdint.h>

#include "frames.h"

typedef struct {
  int folder;
  int64_t most;  // bytes of all files together
} Store;

typedef struct {
  uint8_t digest[kDigest];
  int64_t bytes, have;  // of the whole, and how much of that is there
  int file;             // locked; read-only once it is whole
  char name[72];
} Kept;

// NULL, or what is wrong.
const char *store_open(Store *store, const char *folder, long most_mb);

// Finds the file with this digest and size, whole (`have` is `bytes`: it was hashed) or in part, or
// begins it. NULL, or why it cannot be kept.
const char *store_begin(Store *store, const uint8_t digest[kDigest], int64_t bytes, Kept *kept);

// Adds a piece that belongs there. With the last one the file is hashed and becomes whole; where the
// hash differs all of it is gone, and `have` is 0. NULL, or why it cannot be kept.
const char *store_add(Store *store, Kept *kept, const uint8_t *piece, int64_t bytes);
