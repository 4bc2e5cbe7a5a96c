/* A QEMU plugin that counts executed guest instructions, for QEMU 7 and newer (plugin API 1).

   out=FILE      8 bytes, mapped: the count so far, which others may read at any time
   blocks=FOLDER at exit, FOLDER/PID with a line for each block of code that this process
                 came to: address, executions, bytes

   Inline additions are not atomic: the count is exact for one guest thread. No header
   of QEMU's is packaged by Debian, so what is used of it is declared here. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct block {
    uint64_t address, executions;
    size_t size;
    uint8_t *bytes;
    struct block *next;
};

static uint64_t *count;
static const char *blocks_folder;
static struct block *blocks;

static struct block *recorded(const struct qemu_plugin_tb *tb, size_t instructions) {
    struct block *block = calloc(1, sizeof *block);
    if (!block) abort();
    block->address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    for (size_t i = 0; i < instructions; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn);
        block->bytes = realloc(block->bytes, block->size + size);
        if (!block->bytes) abort();
        memcpy(block->bytes + block->size, qemu_plugin_insn_data(insn), size);
        block->size += size;
    }
    block->next = blocks;
    return blocks = block;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    size_t instructions = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, count, instructions);
    if (blocks_folder) {
        struct block *block = recorded(tb, instructions);
        qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->executions, 1);
    }
}

static void ended(plugin_id id, void *unused) {
    (void)id, (void)unused;
    char path[4096];
    if (!blocks_folder) return;
    snprintf(path, sizeof path, "%s/%d", blocks_folder, (int)getpid());
    FILE *file = fopen(path, "w");
    if (!file) return;
    for (const struct block *block = blocks; block; block = block->next) {
        fprintf(file, "%" PRIx64 " %" PRIu64 " ", block->address, block->executions);
        for (size_t i = 0; i < block->size; i++) fprintf(file, "%02x", block->bytes[i]);
        fputc('\n', file);
    }
    fclose(file);
}

static uint64_t *mapped(const char *path) {
    int file = open(path, O_RDWR | O_CREAT, 0644);
    if (file < 0 || ftruncate(file, sizeof *count)) return NULL;
    void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return memory == MAP_FAILED ? NULL : memory;
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id,
                                                               const struct qemu_info *info,
                                                               int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) count = mapped(argv[i] + 4);
        if (!strncmp(argv[i], "blocks=", 7)) blocks_folder = strdup(argv[i] + 7);
    }
    if (!count) {
        fprintf(stderr, "counter: out=FILE is missing or cannot be written\n");
        return 1;
    }
    *count = 0;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
