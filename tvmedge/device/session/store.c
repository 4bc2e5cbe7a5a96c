#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sha256.h"

enum { kParts = 8, kHex = 2 * kDigest };

static const char kFull[] = "has no space left for the files it is sent";
static const char kBroken[] = "cannot use its folder for files";

const char *store_open(Store *store, const char *folder, long most_mb) {
  store->most = (int64_t)most_mb << 20;
  store->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return store->folder < 0 ? kBroken : NULL;
}

static void write_name(const uint8_t digest[kDigest], char *name) {
  for (int i = 0; i < kDigest; i++) snprintf(name + 2 * i, 3, "%02x", digest[i]);
}

// Whether a name is one of ours: a hash, and perhaps a part's number.
static int is_ours(const char *name) {
  size_t length = strlen(name);
  if (strspn(name, "0123456789abcdef") != kHex) return 0;
  return length == kHex || (length == kHex + 2 && name[kHex] == '.');
}

// Whether the name still leads to the open file.
static int is_there(const Store *store, const char *name, int file) {
  struct stat here, there;
  return fstat(file, &here) == 0 && fstatat(store->folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static int open_locked(const Store *store, const char *name, int flags, int lock) {
  int file = openat(store->folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  struct stat info;
  if (file < 0) return -1;
  if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && flock(file, lock) == 0 &&
      is_there(store, name, file)) {
    return file;
  }
  close(file);
  return -1;
}

static int has_digest(int file, int64_t bytes, const uint8_t digest[kDigest]) {
  uint8_t got[kDigest];
  struct stat info;
  if (fstat(file, &info) != 0 || info.st_size != bytes) return 0;
  void *content = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, file, 0);
  if (content == MAP_FAILED) return 0;
  sha256(content, (size_t)bytes, got);
  munmap(content, (size_t)bytes);
  return memcmp(got, digest, kDigest) == 0;
}

typedef struct {
  char name[72];
  struct timespec used;
  int64_t bytes;
} Entry;

static int by_use(const void *a, const void *b) {
  const struct timespec *one = &((const Entry *)a)->used, *other = &((const Entry *)b)->used;
  if (one->tv_sec != other->tv_sec) return one->tv_sec < other->tv_sec ? -1 : 1;
  return (one->tv_nsec > other->tv_nsec) - (one->tv_nsec < other->tv_nsec);
}

// All files of the store, those used longest ago first; their number, -1 where they cannot be told.
static int list(const Store *store, Entry **entries) {
  int copy = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  int count = 0, room = 0;
  *entries = NULL;
  if (folder == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat info;
    if (!is_ours(entry->d_name)) continue;
    if (fstatat(store->folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (count == room) {
      room = 2 * room + 16;
      Entry *more = realloc(*entries, (size_t)room * sizeof *more);
      if (more == NULL) break;
      *entries = more;
    }
    Entry *last = *entries + count++;
    *last = (Entry){.used = info.st_mtim, .bytes = info.st_size};
    snprintf(last->name, sizeof last->name, "%s", entry->d_name);
  }
  closedir(folder);
  qsort(*entries, (size_t)count, sizeof **entries, by_use);
  return count;
}

// Removes what was not used for the longest time until `bytes` more fit; what is in use stays.
static const char *make_room(const Store *store, int64_t bytes) {
  Entry *entries;
  int64_t total = bytes;
  int count = list(store, &entries);
  if (count < 0) return kBroken;
  for (int i = 0; i < count; i++) total += entries[i].bytes;
  for (int i = 0; i < count && total > store->most; i++) {
    int file = open_locked(store, entries[i].name, O_RDONLY, LOCK_EX | LOCK_NB);
    if (file < 0) continue;
    if (unlinkat(store->folder, entries[i].name, 0) == 0) total -= entries[i].bytes;
    close(file);
  }
  free(entries);
  return total > store->most ? "cannot keep the files it is sent: its cache is too small, or in use"
                             : NULL;
}

// A part that nobody else is filling.
static int open_part(const Store *store, Kept *kept) {
  for (int i = 0; i < kParts; i++) {
    kept->name[kHex] = '.';
    kept->name[kHex + 1] = (char)('0' + i);
    kept->name[kHex + 2] = 0;
    int file = open_locked(store, kept->name, O_RDWR | O_CREAT, LOCK_EX | LOCK_NB);
    if (file >= 0) return file;
    if (errno == ENOSPC || errno == EDQUOT || errno == EACCES || errno == EROFS) return -1;
  }
  return -1;
}

const char *store_begin(Store *store, const uint8_t digest[kDigest], int64_t bytes, Kept *kept) {
  struct stat info;
  *kept = (Kept){.bytes = bytes};
  memcpy(kept->digest, digest, kDigest);
  write_name(digest, kept->name);
  kept->file = open_locked(store, kept->name, O_RDONLY, LOCK_SH);
  if (kept->file >= 0 && has_digest(kept->file, bytes, digest)) {
    futimens(kept->file, NULL);
    kept->have = bytes;
    return NULL;
  }
  if (kept->file >= 0) {
    unlinkat(store->folder, kept->name, 0);
    close(kept->file);
  }
  kept->file = open_part(store, kept);
  if (kept->file < 0) return errno == ENOSPC || errno == EDQUOT ? kFull : kBroken;
  // A part of the whole size was left before it was hashed: all of it comes again.
  if (fstat(kept->file, &info) == 0 && info.st_size < bytes) kept->have = info.st_size;
  const char *wrong = kept->have == 0 && ftruncate(kept->file, 0) != 0
                          ? kBroken
                          : make_room(store, bytes - kept->have);
  if (wrong != NULL) close(kept->file);
  return wrong;
}

// Gives a part whose hash is right its name; its file is then open to read only.
static const char *complete(Store *store, Kept *kept) {
  char whole[sizeof kept->name];
  write_name(kept->digest, whole);
  if (fchmod(kept->file, 0444) != 0 ||
      renameat(store->folder, kept->name, store->folder, whole) != 0) {
    return kBroken;
  }
  close(kept->file);
  memcpy(kept->name, whole, sizeof whole);
  kept->file = open_locked(store, kept->name, O_RDONLY, LOCK_SH);
  return kept->file < 0 ? kBroken : NULL;
}

const char *store_add(Store *store, Kept *kept, const uint8_t *piece, int64_t bytes) {
  while (bytes > 0) {
    ssize_t put = pwrite(kept->file, piece, (size_t)bytes, (off_t)kept->have);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 && errno != ENOSPC && errno != EDQUOT && errno != EFBIG ? kBroken : kFull;
    piece += put;
    bytes -= put;
    kept->have += put;
  }
  if (kept->have < kept->bytes) return NULL;
  if (has_digest(kept->file, kept->bytes, kept->digest)) return complete(store, kept);
  kept->have = 0;
  return ftruncate(kept->file, 0) == 0 ? NULL : kBroken;
}
