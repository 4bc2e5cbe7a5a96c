// What the session of this server gives its clients: files that were sent before, a note of the
// kernel that runs.
#ifndef TVMEDGE_SERVER_SENT_H_
#define TVMEDGE_SERVER_SENT_H_

#include "server_workspace.h"

// Registers tvmedge.server.sent, .load_sent, .fill_sent, and .note where somebody reads notes.
int sent_register(Workspace *workspace);

#endif  // TVMEDGE_SERVER_SENT_H_
