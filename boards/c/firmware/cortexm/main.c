/* The test board on an mps2-an385 (Cortex-M3 at 25 MHz): UART 0 of the CMSDK, SysTick. -D as avr.c. */
#include "app.h"

#ifndef NAME
#define NAME "cortex"
#endif
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef MTU
#define MTU 128
#endif
#ifndef CREDIT
#define CREDIT 4
#endif
#ifndef MESSAGE
#define MESSAGE 512
#endif

enum { HZ = 25000000, BAUD = 115200 };

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)   /* 1: transmitter full, 2: receiver has a byte */
#define UART_CONTROL REGISTER(0x40004008) /* 1: transmitter, 2: receiver, 8: its interrupt */
#define UART_INTERRUPT REGISTER(0x4000400C)
#define UART_DIVIDER REGISTER(0x40004010)
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_VALUE REGISTER(0xE000E018)
#define NVIC_ENABLE REGISTER(0xE000E100)
#define NVIC_CLEAR REGISTER(0xE000E280)

enum { FULL = 1, READY = 2, RECEIVED = 2, UART_IRQ = 1 };

SIGB_STATIC_MEMORY(memory, SLOTS, MTU, CREDIT, MESSAGE);

static volatile uint16_t ms;

void on_systick(void)
{
    ms++;
}

void on_uart(void) /* only wakes `wfi`: the byte is read by the loop */
{
    UART_INTERRUPT = RECEIVED;
}

static int read_line(void *user, uint8_t *to, int size)
{
    int count = 0;
    (void)user;
    while (count < size && (UART_STATE & READY))
        to[count++] = (uint8_t)UART_DATA;
    return count;
}

static int write_line(void *user, const uint8_t *from, int size)
{
    int count = 0;
    (void)user;
    while (count < size && !(UART_STATE & FULL))
        UART_DATA = from[count++];
    return count;
}

static uint16_t millis(void *user)
{
    (void)user;
    return ms;
}

static const sigb_io io = {read_line, write_line, millis, 0};

/* Sleep until a byte or a millisecond comes, unless there is something to do. Interrupts that are masked wake as well,
   so that none falls between the look and the sleep. */
static void rest(void)
{
    __asm volatile("cpsid i");
    if (!(UART_STATE & READY) && !app_board.link.on_line)
        __asm volatile("wfi");
    UART_INTERRUPT = RECEIVED;
    NVIC_CLEAR = UART_IRQ;
    __asm volatile("cpsie i");
}

int main(void)
{
    SYSTICK_RELOAD = HZ / 1000 - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7;
    UART_DIVIDER = HZ / BAUD;
    UART_CONTROL = 1 | 2 | 8;
    NVIC_ENABLE = UART_IRQ;
    app_init(NAME, &io, &memory);
    for (;;) {
        app_poll();
        rest();
    }
}
