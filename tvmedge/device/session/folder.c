#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char kPrefix[] = "tvmedge-room-";

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
  (void)info, (void)kind, (void)at;
  remove(path);
  return 0;
}

void folder_remove(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

static int lock_folder(const char *path) {
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) == 0) return folder;
  if (folder >= 0) close(folder);
  return -1;
}

// What a session that was killed left: nobody holds its lock.
static void sweep(const char *parent) {
  DIR *entries = opendir(parent);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char path[512];
    if (strncmp(entry->d_name, kPrefix, sizeof kPrefix - 1) != 0) continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) >= sizeof path) continue;
    struct stat info;
    if (lstat(path, &info) != 0 || info.st_uid != geteuid()) continue;
    int lock = lock_folder(path);
    if (lock < 0) continue;
    folder_remove(path);
    close(lock);
  }
  closedir(entries);
}

// A fresh folder, locked; -1 where another session took it for a dead one's meanwhile.
static int try_make(const char *parent, char *path, size_t size) {
  struct stat info;
  if ((size_t)snprintf(path, size, "%s/%sXXXXXX", parent, kPrefix) >= size) return -1;
  if (mkdtemp(path) == NULL) return -1;
  int lock = lock_folder(path);
  if (lock >= 0 && fstat(lock, &info) == 0 && info.st_nlink > 0) return lock;
  if (lock >= 0) close(lock);
  rmdir(path);
  return -1;
}

int folder_make(char *path, size_t size) {
  const char *parent = getenv("TMPDIR");
  if (parent == NULL || parent[0] != '/') parent = "/tmp";
  sweep(parent);
  for (int attempt = 0; attempt < 8; attempt++) {
    int lock = try_make(parent, path, size);
    if (lock >= 0) return lock;
  }
  return -1;
}
