// Carries frames between the host and a room until one of them ends.
#pragma once

#include "options.h"
#include "room.h"

// Returns the exit code; the host has been told how the session ended, if it still listens.
int pump_run(const Options *options, Room *room);
