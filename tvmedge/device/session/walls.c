#include "walls.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static const char *const kFolders[] = {"/bin", "/sbin", "/lib", "/lib32",   "/lib64",
                                       "/usr", "/etc/alternatives", "/sys", "/system",
                                       "/vendor", "/apex", NULL};
static const char *const kFiles[] = {"/etc/ld.so.cache", "/etc/ld.so.conf", "/dev/null",
                                     "/dev/zero", "/dev/urandom", "/dev/random",
                                     // GPUs, and what tells OpenCL's loader of drivers
                                     "/dev/mali0", "/dev/kgsl-3d0", NULL};
static const char *const kLinks[][2] = {{"/dev/stdin", "/proc/self/fd/0"},
                                        {"/dev/stdout", "/proc/self/fd/1"},
                                        {"/dev/stderr", "/proc/self/fd/2"},
                                        {"/dev/fd", "/proc/self/fd"}};
static const char *const kDrivers[] = {"/dev/dri", "/etc/OpenCL", NULL};

// As in linux/mount.h, which older headers lack.
struct attributes {
  uint64_t set, clear, propagation, user_namespace;
};
enum { kRecursive = 0x8000, kReadOnly = 1, kNoSetuid = 2 };

static int make_parents(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    int made = mkdir(path, 0755);
    *slash = '/';
    if (made != 0 && errno != EEXIST) return -1;
  }
  return 0;
}

// Makes everything mounted at and below `path` read-only.
static int make_read_only(const char *path) {
  struct attributes attributes = {.set = kReadOnly | kNoSetuid};
  if (syscall(SYS_mount_setattr, AT_FDCWD, path, kRecursive, &attributes, sizeof attributes) == 0) {
    return 0;
  }
  return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL);
}

// Shows `path` at the same place below `root`; what does not exist is left out.
static int show(const char *root, const char *path, int read_only) {
  char place[PATH_MAX], link[PATH_MAX];
  struct stat info;
  if (lstat(path, &info) != 0) return 0;
  if ((size_t)snprintf(place, sizeof place, "%s%s", root, path) >= sizeof place) return -1;
  if (access(place, F_OK) == 0) return 0;  // within a folder that is shown
  if (make_parents(place) != 0) return -1;
  if (S_ISLNK(info.st_mode)) {
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0) return -1;
    link[length] = 0;
    return symlink(link, place) == 0 || errno == EEXIST ? 0 : -1;
  }
  if (S_ISDIR(info.st_mode)) {
    if (mkdir(place, 0755) != 0 && errno != EEXIST) return -1;
  } else {
    int file = open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (file < 0) return -1;
    close(file);
  }
  if (mount(path, place, NULL, MS_BIND | MS_REC, NULL) != 0) return -1;
  return read_only ? make_read_only(place) : 0;
}

static int show_all(const char *root, const char *const *paths, int read_only) {
  for (; *paths != NULL; paths++) {
    if (show(root, *paths, read_only) != 0) return -1;
  }
  return 0;
}

// The same for places that were named to us: a link is shown with what it leads to.
static int show_named(const char *root, const char *const *paths, int read_only) {
  for (; *paths != NULL; paths++) {
    char path[PATH_MAX];
    if (show(root, *paths, read_only) != 0) return -1;
    if (realpath(*paths, path) != NULL && show(root, path, read_only) != 0) return -1;
  }
  return 0;
}

// The files and folders that the command names, and the libraries beside a program.
static int show_program(const char *root, char *const *program) {
  for (; *program != NULL; program++) {
    char path[PATH_MAX], libraries[PATH_MAX + 8];
    if ((*program)[0] != '/' || realpath(*program, path) == NULL) continue;
    if (strcmp(path, "/") == 0 || show(root, *program, 1) != 0 || show(root, path, 1) != 0) return -1;
    snprintf(libraries, sizeof libraries, "%s/lib", dirname(path));
    if (strcmp(libraries, "//lib") != 0 && show(root, libraries, 1) != 0) return -1;
  }
  return 0;
}

static int build(const char *root, const Options *options) {
  char place[PATH_MAX];
  snprintf(place, sizeof place, "%s/tmp", root);
  if (mkdir(place, 01777) != 0 || chmod(place, 01777) != 0) return -1;
  snprintf(place, sizeof place, "%s/proc", root);
  if (mkdir(place, 0755) != 0) return -1;
  if (mount("proc", place, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return -1;
  // Whoever is root may set the system by it.
  if (make_read_only(place) != 0) return -1;
  if (show_all(root, kFolders, 1) != 0 || show_all(root, kFiles, 0) != 0) return -1;
  for (size_t i = 0; i < sizeof kLinks / sizeof *kLinks; i++) {
    snprintf(place, sizeof place, "%s%s", root, kLinks[i][0]);
    if (symlink(kLinks[i][1], place) != 0) return -1;
  }
  if (show_all(root, kDrivers, 0) != 0 || show_named(root, options->places.kept, 0) != 0) return -1;
  if (show_named(root, options->places.shown, 1) != 0) return -1;
  return show_program(root, options->program);
}

int walls_raise(const char *folder, const Options *options) {
  char size[64];
  // A file takes a page at least; empty ones take as much again of the kernel's own.
  long pages = options->limits.disk_mb << 8;
  snprintf(size, sizeof size, "mode=0755,size=%ldm,nr_inodes=%ld", options->limits.disk_mb, pages);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
  if (mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, size) != 0) return -1;
  if (build(folder, options) == 0 && chdir(folder) == 0 &&
      syscall(SYS_pivot_root, ".", ".") == 0) {
    // The old root lies on top of the new one now.
    return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 ? 0 : -1;
  }
  int error = errno;
  umount2(folder, MNT_DETACH);
  errno = error;
  return -1;
}
