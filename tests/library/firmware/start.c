// What a chip's vendor brings: the table of interrupts, and what runs before newlib's own start.
// The floating-point unit is off after a reset.
extern unsigned char __stack[];
void _start(void);

__attribute__((noreturn)) static void reset(void) {
  volatile unsigned *const cpacr = (volatile unsigned *)0xE000ED88;
  *cpacr |= 0xFu << 20;
  __asm__ volatile("dsb\n isb");
  _start();
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    __stack,
    (const void *)reset,
};
