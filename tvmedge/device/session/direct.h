// The host's own pipe ends, where it is on this machine and hands them over: packets go by them, and
// nothing stands between a host and the program that it started. Frames then carry the rest.
#pragma once

enum { kDirectEnds = 2 };

// Finds what the environment names: 2 descriptors that the program is to have, or 0. -1 where it
// names something else.
int direct_find(int ends[kDirectEnds]);
