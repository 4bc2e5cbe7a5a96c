/* A QEMU plugin that counts executed guest instructions, for QEMU 7 and newer (plugin API 1).

   out=FILE      mapped, so that others, the guest too, may read it at any time: instructions so
                 far, blocks so far, and of each block of code that the guest came to its
                 address, its size in bytes and how often it ran (all 64 bits)

   Inline additions are not atomic: the count is exact for one guest thread. No header
   of QEMU's is packaged by Debian, so what is used of it is declared here. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
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
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { kBlocksMost = 1 << 17 };

struct block {
    uint64_t address, size, executions;
};

static struct counts {
    uint64_t instructions, blocks;
    struct block block[kBlocksMost];
} *counts;

static void translated(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    size_t instructions = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &counts->instructions, instructions);
    /* Readers know by the number of blocks that the last ones are missing. */
    if (counts->blocks < kBlocksMost) {
        struct block *block = &counts->block[counts->blocks];
        block->address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
        for (size_t i = 0; i < instructions; i++) {
            block->size += qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, i));
        }
        qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->executions, 1);
    }
    counts->blocks++;
}

static struct counts *mapped(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || ftruncate(file, sizeof *counts)) return NULL;
    void *memory = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return memory == MAP_FAILED ? NULL : memory;
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id,
                                                               const struct qemu_info *info,
                                                               int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) counts = mapped(argv[i] + 4);
    }
    if (!counts) {
        fprintf(stderr, "counter: out=FILE is missing or cannot be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
