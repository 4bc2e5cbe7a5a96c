#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char kHelp[] =
    "usage: tvmedge-session [limits] -- PROGRAM [ARGUMENT...]\n"
    "\n"
    "Runs PROGRAM in a room of its own: its stdin and stdout go in frames over this program's,\n"
    "its stderr too. It gets a private folder, sees system folders, its own and nothing else,\n"
    "and no network, as far as the kernel allows. Nothing of it outlives this program.\n"
    "\n"
    "  --memory-mb N        of all its processes together\n"
    "  --cpu-seconds N      of each process\n"
    "  --wall-seconds N     from start to end\n"
    "  --disk-mb N          of its private folder (default: 1024)\n"
    "  --files N            open at a time (default: 256)\n"
    "  --processes N        and threads, at a time (default: 512)\n"
    "  --silence-seconds N  of the host between two frames (default: 30)\n"
    "  --show PATH          let it read this too; may be repeated, as the next\n"
    "  --keep FOLDER        let it write here, for sessions that come: it then has no user of its own\n"
    "  --cache FOLDER       keep files that hosts send here, for sessions that come\n"
    "  --cache-mb N         of those files together (default: 4096)\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 the program ended by itself with 0; 2 bad usage; 4 any other end, which the\n"
    "last frame tells; 6 the session could not start.\n";

typedef struct {
  const char *name;
  long *value;
} Limit;

// A whole number from 1 to a million, or 0 when the text is none.
static long parse_count(const char *text) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  return errno != 0 || end == text || *end != 0 || value < 1 || value > 1000000 ? 0 : value;
}

// Adds an absolute path to `places`; -1 where it is none, or one too many.
static int add_place(const char *places[kPlacesMax + 1], const char *path) {
  int count = 0;
  while (places[count] != NULL) count++;
  if (path[0] != '/' || path[1] == 0 || count == kPlacesMax) return -1;
  places[count] = path;
  return 0;
}

static int parse_one(const char *name, const char *value, Options *options) {
  Limits *limits = &options->limits;
  const Limit known[] = {
      {"--memory-mb", &limits->memory_mb},       {"--cpu-seconds", &limits->cpu_seconds},
      {"--wall-seconds", &limits->wall_seconds}, {"--disk-mb", &limits->disk_mb},
      {"--files", &limits->files},               {"--processes", &limits->processes},
      {"--silence-seconds", &limits->silence_seconds},
      {"--cache-mb", &options->cache_mb},
  };
  if (strcmp(name, "--cache") == 0) {
    options->cache = value;
    return value[0] == '/' ? 0 : -1;
  }
  if (strcmp(name, "--show") == 0) return add_place(options->places.shown, value);
  if (strcmp(name, "--keep") == 0) return add_place(options->places.kept, value);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(name, known[i].name) != 0) continue;
    *known[i].value = parse_count(value);
    return *known[i].value > 0 ? 0 : -1;
  }
  return -1;
}

int options_parse(int argc, char **argv, Options *options) {
  *options = (Options){
      .limits = {.disk_mb = 1024, .files = 256, .processes = 512, .silence_seconds = 30},
      .cache_mb = 4096};
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
    const char *value = at + 1 < argc ? argv[at + 1] : "";
    if (strcmp(argv[at], "--help") == 0) {
      fputs(kHelp, stdout);
      return kExitOk;
    }
    if (strcmp(argv[at], "--version") == 0) {
      puts("tvmedge-session " TVMEDGE_VERSION " (protocol 1)");
      return kExitOk;
    }
    if (at + 1 >= argc || parse_one(argv[at], value, options) != 0) {
      fprintf(stderr, "tvmedge-session: cannot use option '%s%s%s'; --help lists the options\n",
              argv[at], *value ? " " : "", value);
      return kExitUsage;
    }
  }
  options->program = argv + at + 1;
  if (at + 1 < argc) return -1;
  fputs("tvmedge-session: name a program after --; --help tells more\n", stderr);
  return kExitUsage;
}
