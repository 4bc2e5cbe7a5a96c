// tvmedge-session: runs a program on a board for a host that it does not trust further than that.
//
// Whoever can start a program here (ssh, adb, a gateway's agent, an emulator) has a session; the
// board listens on nothing. The program is one of our servers, which runs a model's code.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "options.h"
#include "pump.h"
#include "room.h"

// The first line on stdout; the number changes with the frames.
static const char kPreamble[] = "tvmedge-session 1\n";

int main(int argc, char **argv) {
  Options options;
  Room room = {.lock = -1};
  int parsed = options_parse(argc, argv, &options);
  if (parsed >= 0) return parsed;
  Files files = {.count = 0};
  if (write(STDOUT_FILENO, kPreamble, strlen(kPreamble)) != (ssize_t)strlen(kPreamble)) {
    return kExitSession;
  }
  if (options.cache != NULL) {
    int ended = files_receive(&options, &files);
    if (ended >= 0) return ended;
  }
  const char *wrong = room_open(&options, &files, &room);
  if (wrong != NULL) {
    fprintf(stderr, "tvmedge-session: %s: %s\n", wrong, strerror(errno));
    room_close(&room);
    return kExitSetup;
  }
  return pump_run(&options, &room);
}
