// Frames by which a host sends files before a program starts: what is kept under a hash has it.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "frames.h"
#include "input.h"
#include "sha256.h"

static char folder[] = "/tmp/tvmedge-fuzz-XXXXXX";

static void remove_folder(void) { rmdir(folder); }

// Ends the process where a whole file is not what its name says; removes all of them.
static void require_hashes(void) {
  DIR *entries = opendir(folder);
  if (entries == NULL) abort();
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    static uint8_t content[1 << 16];
    uint8_t digest[32];
    char name[65];
    if (entry->d_name[0] == '.') continue;
    int file = openat(dirfd(entries), entry->d_name, O_RDONLY);
    ssize_t bytes = read(file, content, sizeof content);
    close(file);
    if (strlen(entry->d_name) == 64) {
      sha256(content, (size_t)bytes, digest);
      for (int i = 0; i < 32; i++) snprintf(name + 2 * i, 3, "%02x", digest[i]);
      if (strcmp(name, entry->d_name) != 0) abort();
    }
    unlinkat(dirfd(entries), entry->d_name, 0);
  }
  closedir(entries);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count, (void)arguments;
  if (mkdtemp(folder) == NULL) abort();
  atexit(remove_folder);
  silence_stdout();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Options options = {.limits = {.silence_seconds = 30}, .cache = folder, .cache_mb = 1};
  Files files = {.count = 0};
  if (size > 1 << 16) return 0;
  give_stdin(data, size);
  files_receive(&options, &files);
  for (int i = 0; i < files.count; i++) close(files.open[i]);
  require_hashes();
  return 0;
}

// Pieces with a hash that is right are nothing that a fuzzer finds by itself.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static size_t add(uint8_t *data, size_t at, size_t most, uint8_t kind, const uint8_t *body,
                  size_t bytes) {
  if (at + kFrameHead + bytes > most) return at;
  frame_write(data + at, kind, (uint32_t)bytes);
  memcpy(data + at + kFrameHead, body, bytes);
  return at + kFrameHead + bytes;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  if (seed % 4 != 0) return LLVMFuzzerMutate(data, size, most);
  uint8_t content[512], body[sizeof content + kDigest];
  size_t bytes = 1 + seed / 4 % sizeof content, half = bytes / 2 + 1;
  for (size_t i = 0; i < bytes; i++) content[i] = (uint8_t)(seed >> i % 24);
  sha256(content, bytes, body);
  memset(body + kDigest, 0, 8);
  body[kDigest] = (uint8_t)bytes;
  body[kDigest + 1] = (uint8_t)(bytes >> 8);
  size_t at = add(data, 0, most, kFile, body, kDigest + 8);
  for (size_t start = 0; start < bytes; start += half) {
    size_t left = bytes - start < half ? bytes - start : half;
    sha256(content + start, left, body);
    memcpy(body + kDigest, content + start, left);
    at = add(data, at, most, kPiece, body, kDigest + left);
  }
  at = add(data, at, most, kGo, body, 0);
  return seed % 8 == 0 ? LLVMFuzzerMutate(data, at, most) : at;
}
