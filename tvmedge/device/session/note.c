#include "note.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int note_make(void) {
  int note = memfd_create("tvmedge-note", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (note < 0) return -1;
  // Sealed, or the program could keep more in it than it may use.
  if (ftruncate(note, kNoteBytes) == 0 &&
      fcntl(note, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return note;
  }
  close(note);
  return -1;
}

void note_read(int note, char name[kNoteName]) {
  static char page[kNoteBytes];
  uint32_t running;
  name[0] = 0;
  if (note < 0 || pread(note, page, sizeof page, 0) != sizeof page) return;
  page[sizeof page - 1] = 0;
  memcpy(&running, page, sizeof running);
  const char *at = page + sizeof running, *end = page + sizeof page;
  for (; running > 1 && at < end; running--) at += strlen(at) + 1;
  if (running != 1 || at >= end) return;
  size_t length = 0;
  for (; at[length] != 0 && length < kNoteName - 1; length++) {
    unsigned char letter = (unsigned char)at[length];
    name[length] = isalnum(letter) || strchr("_.-:/", letter) != NULL ? (char)letter : '?';
  }
  name[length] = 0;
}
