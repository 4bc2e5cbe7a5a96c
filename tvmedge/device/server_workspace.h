// A session's private directory and the functions that clients call by name.
#ifndef TVMEDGE_SERVER_WORKSPACE_H_
#define TVMEDGE_SERVER_WORKSPACE_H_

#include <tvm/ffi/c_api.h>

enum { kNameMax = 128, kPathMax = 1024 };

typedef struct {
  char path[kPathMax];
} Workspace;

// Makes an empty directory that only this user can enter; returns -1 after logging why.
int workspace_create(Workspace *workspace);

// Removes the directory and the files in it.
void workspace_remove(const Workspace *workspace);

// The module in a file, as a result of a callback.
int workspace_load(const char *path, TVMFFIAny *result);

// Registers tvm.rpc.server.workpath, tvm.rpc.server.load_module and
// tvmedge.server.bind for this process.
int workspace_register(Workspace *workspace);

#endif  // TVMEDGE_SERVER_WORKSPACE_H_
