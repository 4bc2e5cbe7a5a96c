// A freestanding library behind TVM's RPC: servers that are not ours load this beside it and call
// it by TVM's convention. It takes nothing but the loader and libc of whoever loads it, and no
// header of a C library, as zig has none for Android.
#include <stddef.h>
#include <tvm/ffi/c_api.h>

#define EXPORT(name) \
  __attribute__((visibility("default"))) int __tvm_ffi_##name(void *, const TVMFFIAny *, int32_t, TVMFFIAny *)
#define DEFINE(name) int __tvm_ffi_##name(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result)

enum { kLazy = 1 };  // RTLD_LAZY, the same everywhere
enum { kPathMax = 4096, kIoMax = 1026, kNameMax = 128 };
enum { kNotLoaded = -1, kNoLibrary = -2, kTooMany = -3 };  // beside a library's own codes
enum { kText, kMost, kThreads, kWeights, kWorkspace, kIo };   // arguments of open

typedef struct {
  const char *file;
  void *base;
  const char *symbol;
  void *address;
} Found;

extern void *dlopen(const char *path, int how);
extern void *dlsym(void *library, const char *symbol);
extern int dladdr(const void *address, Found *found);

static void *io[kIoMax];
static void *workspace, *pool;
static int (*run)(void *io, void *workspace);
static void (*pool_stop)(void *pool);

EXPORT(tvmedge_open);
EXPORT(tvmedge_run);
EXPORT(tvmedge_close);

static const DLTensor *tensor(const TVMFFIAny *arg) {
  return arg->type_index == kTVMFFIDLTensorPtr
             ? (const DLTensor *)arg->v_ptr
             : (const DLTensor *)((char *)arg->v_obj + sizeof(TVMFFIObject));
}

static void *data(const TVMFFIAny *arg) { return (char *)tensor(arg)->data + tensor(arg)->byte_offset; }

static int done(TVMFFIAny *result, int64_t code) {
  result->type_index = kTVMFFIInt;
  result->v_int64 = code;
  return 0;
}

// The address of PREFIX_name.
static void *find(void *library, const char *prefix, const char *name) {
  char symbol[kNameMax];
  size_t front = __builtin_strlen(prefix), back = __builtin_strlen(name) + 1;
  if (front + 1 + back > kNameMax) return NULL;
  __builtin_memcpy(symbol, prefix, front);
  symbol[front] = '_';
  __builtin_memcpy(symbol + front + 1, name, back);
  return dlsym(library, symbol);
}

// The file of this name in the folder that this file lies in.
static void *open_beside(const char *name) {
  Found self;
  char path[kPathMax];
  if (dladdr((const void *)open_beside, &self) == 0) return NULL;
  const char *slash = __builtin_strrchr(self.file, '/');
  size_t folder = slash == NULL ? 0 : (size_t)(slash - self.file) + 1;
  size_t bytes = __builtin_strlen(name) + 1;
  if (folder + bytes > kPathMax) return NULL;
  __builtin_memcpy(path, self.file, folder);
  __builtin_memcpy(path + folder, name, bytes);
  return dlopen(path, kLazy);
}

// open(text, most, threads, weights, workspace, io...): `text` is a tensor of "FILE\0PREFIX\0"; the
// library is made for `most` threads and runs on `threads`; `io` are the members of its io in their
// order, where `weights` says whether the last of them are weights. Gives a code.
DEFINE(tvmedge_open) {
  (void)self;
  int32_t members = count - kIo;
  if (members < 1 || members > kIoMax) return done(result, kTooMany);
  const char *file = data(&args[kText]), *prefix = file + __builtin_strlen(file) + 1;
  int has_weights = args[kWeights].v_int64 != 0, has_pool = args[kMost].v_int64 > 1;
  void *library = open_beside(file);
  if (library == NULL) return done(result, kNotLoaded);
  *(void **)&run = find(library, prefix, "run");
  if (run == NULL) return done(result, kNoLibrary);
  workspace = data(&args[kWorkspace]);
  for (int32_t i = 0; i < members; i++) io[i] = data(&args[kIo + i]);
  if (has_weights) {
    int (*check)(const void *, size_t);
    *(void **)&check = find(library, prefix, "check_weights");
    if (check == NULL) return done(result, kNoLibrary);
    int code = check(io[members - 1], (size_t)tensor(&args[kIo + members - 1])->shape[0]);
    if (code != 0) return done(result, code);
  }
  if (!has_pool) return done(result, 0);
  void **place = &io[members - 1 - has_weights], *memory = *place;
  *place = NULL;
  if (args[kThreads].v_int64 == 1) return done(result, 0);
  int (*start)(void *, int);
  *(void **)&start = find(library, prefix, "pool_start");
  *(void **)&pool_stop = find(library, prefix, "pool_stop");
  if (start == NULL || pool_stop == NULL) return done(result, kNoLibrary);
  int code = start(memory, (int)args[kThreads].v_int64);
  if (code == 0) *place = pool = memory;
  return done(result, code);
}

// run(): one run on what lies in the inputs; gives a code.
DEFINE(tvmedge_run) {
  (void)self, (void)args, (void)count;
  return done(result, run((void *)io, workspace));
}

// close(): joins the library's threads.
DEFINE(tvmedge_close) {
  (void)self, (void)args, (void)count;
  if (pool != NULL) pool_stop(pool);
  pool = NULL;
  return done(result, 0);
}
