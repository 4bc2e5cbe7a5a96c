// What a server runs, noted where its session reads it when the server has ended (session/note.h).
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// As in session/note.h.
enum { kNoteBytes = 1 << 16, kNoteText = kNoteBytes - 5 };

typedef struct {
  volatile uint32_t *running;  // which of the names, counted from 1; 0: none. NULL: nobody reads
  char *names;                 // kNoteText bytes, one after the other, each with its NUL
} Note;

static inline Note note_open(void) {
  Note note = {NULL, NULL};
  const char *number = getenv("TVMEDGE_NOTE");
  if (number == NULL) return note;
  void *page = mmap(NULL, kNoteBytes, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(number), 0);
  if (page == MAP_FAILED) return note;
  note.running = page;
  note.names = (char *)page + sizeof *note.running;
  return note;
}
