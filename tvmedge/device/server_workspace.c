#include "server_workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server_ffi.h"
#include "server_log.h"

int workspace_create(Workspace *workspace) {
  const char *base = getenv("TMPDIR");
  if (base == NULL || base[0] == 0) base = "/tmp";
  int n = snprintf(workspace->path, sizeof workspace->path, "%s/tvmedge-XXXXXX", base);
  if (n < 0 || n >= (int)sizeof workspace->path - kNameMax - 2) {
    server_log("TMPDIR is too long a path");
    return -1;
  }
  if (mkdtemp(workspace->path) == NULL) {
    server_log("cannot make a work directory in %s: %s", base, strerror(errno));
    return -1;
  }
  return 0;
}

void workspace_remove(const Workspace *workspace) {
  DIR *directory = opendir(workspace->path);
  if (directory == NULL) return;
  for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      unlinkat(dirfd(directory), entry->d_name, 0);
    }
  }
  closedir(directory);
  if (rmdir(workspace->path) != 0) {
    server_log("cannot remove %s: %s", workspace->path, strerror(errno));
  }
}

// The path of a file that a client names: one plain name inside the work directory.
static int confined_path(const Workspace *workspace, const TVMFFIAny *args, int32_t num_args,
                         char *path) {
  char name[kNameMax + 1];
  if (num_args != 1 || ffi_copy_string(&args[0], name, sizeof name) != 0) {
    return ffi_raise("ValueError", "a file name is a string of at most 128 bytes");
  }
  if (name[0] == 0 || strcmp(name, ".") == 0 || strchr(name, '/') != NULL ||
      strstr(name, "..") != NULL) {
    return ffi_raise("ValueError", "a file name is one plain name without '/' and '..'");
  }
  snprintf(path, kPathMax, "%s/%s", workspace->path, name);
  return 0;
}

static int on_workpath(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  char path[kPathMax];
  if (confined_path(self, args, num_args, path) != 0) return -1;
  TVMFFIByteArray bytes = {path, strlen(path)};
  return TVMFFIStringFromByteArray(&bytes, result);
}

int workspace_load(const char *path, TVMFFIAny *result) {
  TVMFFIObjectHandle load = ffi_global("ffi.ModuleLoadFromFile");
  if (load == NULL) return ffi_raise("RuntimeError", "the runtime cannot load modules");
  TVMFFIAny file = ffi_string(path);
  int status = TVMFFIFunctionCall(load, &file, 1, result);
  TVMFFIObjectDecRef(load);
  return status;
}

static int on_load_module(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  char path[kPathMax];
  if (confined_path(self, args, num_args, path) != 0) return -1;
  return workspace_load(path, result);
}

static void delete_view(DLManagedTensor *view) { free(view); }

// A tensor object over memory that the client allocated and keeps for the session.
static int tensor_view(const DLTensor *tensor, TVMFFIObjectHandle *out) {
  size_t dims = (size_t)tensor->ndim * sizeof(int64_t);
  DLManagedTensor *view = malloc(sizeof *view + dims);
  if (view == NULL) return ffi_raise("MemoryError", "out of memory");
  int64_t *shape = (int64_t *)(view + 1);
  memcpy(shape, tensor->shape, dims);
  view->dl_tensor = *tensor;
  view->dl_tensor.shape = shape;
  view->dl_tensor.strides = NULL;
  view->manager_ctx = NULL;
  view->deleter = delete_view;
  if (TVMFFITensorFromDLPack(view, 0, 0, out) != 0) {
    free(view);
    return -1;
  }
  return 0;
}

// Replaces tensor pointers by views, then calls set_input(function, views...).
static int bind_views(const TVMFFIAny *args, TVMFFIAny *views, int32_t count,
                      TVMFFIObjectHandle set_input, TVMFFIAny *result) {
  int status = 0;
  views[0] = args[1];
  int32_t made = 1;
  for (; made < count && status == 0; made++) {
    TVMFFIObjectHandle view = NULL;
    if (args[made + 1].type_index != kTVMFFIDLTensorPtr) {
      status = ffi_raise("TypeError", "bind expects tensors");
    } else {
      status = tensor_view(args[made + 1].v_ptr, &view);
    }
    views[made] = view != NULL ? ffi_object(kTVMFFITensor, view) : ffi_none();
  }
  if (status == 0) status = TVMFFIFunctionCall(set_input, views, count, result);
  for (int32_t i = 1; i < made; i++) ffi_release(&views[i]);
  return status;
}

// tvmedge.server.bind(vm, function, tensors...): like the VM's set_input, which over
// RPC copies every tensor at every call, but keeps the client's tensors themselves.
// Weights are then stored once and inputs can be overwritten in place.
static int on_bind(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args < 2) return ffi_raise("TypeError", "bind expects a VM and a function name");
  TVMFFIAny set_input = ffi_none();
  int status = ffi_method(&args[0], "set_input", &set_input);
  if (status != 0) return status;
  TVMFFIAny *views = calloc((size_t)num_args, sizeof *views);
  if (views == NULL) {
    status = ffi_raise("MemoryError", "out of memory");
  } else {
    status = bind_views(args, views, num_args - 1, set_input.v_obj, result);
  }
  free(views);
  ffi_release(&set_input);
  return status;
}

int workspace_register(Workspace *workspace) {
  if (ffi_register("tvm.rpc.server.workpath", workspace, on_workpath) != 0 ||
      ffi_register("tvm.rpc.server.load_module", workspace, on_load_module) != 0 ||
      ffi_register("tvmedge.server.bind", NULL, on_bind) != 0) {
    ffi_log_raised("cannot register the server's functions");
    return -1;
  }
  return 0;
}
