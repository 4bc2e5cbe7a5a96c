// The first process of a room: it starts the program, watches what it uses, and ends the rest.
#pragma once

#include "room.h"

// What the keeper gets from the one who opened the room.
typedef struct {
  const Options *options;
  const Files *files;  // the program inherits them
  int note;            // and this, where it is not -1
  const int *direct;   // and so many of these: see direct.h
  int directs;
  const char *folder;
  uid_t user;        // that the program is to be, 0: no other
  uint8_t confined;  // what the namespaces that it is in give, before it does the rest
  int in, out, err;  // become the program's stdin, stdout and stderr
  int tidings;
  int not_its[5];  // ends of pipes to close, or nobody would see them close
  int life;  // readable when the room is to end
} Keeper;

_Noreturn void keeper_run(Keeper *keeper);
