/* Reset and vectors of a Cortex-M3. */
#include <stdint.h>

extern uint32_t _sidata, _sdata, _edata, _sbss, _ebss, _estack; /* of mps2.ld */

int main(void);
void on_reset(void);
void on_systick(void);
void on_uart(void);

void on_reset(void)
{
    uint32_t *from = &_sidata, *to = &_sdata;
    while (to < &_edata)
        *to++ = *from++;
    for (to = &_sbss; to < &_ebss;)
        *to++ = 0;
    main();
}

static void hang(void)
{
    for (;;)
        ;
}

typedef struct {
    uint32_t *stack;
    void (*handlers[17])(void);
} vectors;

__attribute__((section(".vectors"), used)) static const vectors table = {
    &_estack, {on_reset, hang, hang, hang, hang, hang, 0, 0, 0, 0, hang, hang, 0, hang, on_systick, on_uart, on_uart}};
