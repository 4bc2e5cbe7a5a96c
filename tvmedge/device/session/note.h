// A page to which the program writes what it runs; it is read when the program has ended.
//
// A 32-bit number in the board's byte order: which of the names runs, counted from 1, 0 for none.
// Then the names, each with its NUL.
#pragma once

#include <stddef.h>

enum { kNoteBytes = 1 << 16, kNoteName = 96 };

// A descriptor for the program to map; -1 where the kernel has none to give.
int note_make(void);

// The name that runs, "" where none does. The program wrote it: what is no letter, digit or sign of
// a kernel's name becomes '?'.
void note_read(int note, char name[kNoteName]);
