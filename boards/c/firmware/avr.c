/* The test board on an ATmega328P at 16 MHz (Arduino Uno): UART 0, LED on PB5.

   -D: NAME, BAUD, SLOTS, MTU, CREDIT, MESSAGE; BLOCK_MS makes each round of the loop take so long, as a sketch that
   waits. */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "app.h"

#ifndef NAME
#define NAME "uno"
#endif
#ifndef BAUD
#define BAUD 115200UL
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef MTU
#define MTU 48
#endif
#ifndef CREDIT
#define CREDIT 1
#endif
#ifndef MESSAGE
#define MESSAGE 56
#endif

SIGB_STATIC_MEMORY(memory, SLOTS, MTU, CREDIT, MESSAGE);

enum { RING = 64 }; /* as the Arduino core has them */

typedef struct {
    volatile uint8_t bytes[RING];
    volatile uint8_t in, out; /* equal: empty */
} ring;

static ring received, to_send;
static volatile uint16_t ms;

static uint8_t behind(uint8_t at)
{
    return (uint8_t)((at + 1) % RING);
}

ISR(USART_RX_vect)
{
    uint8_t byte = UDR0, next = behind(received.in);
    if (next == received.out)
        return; /* the link will see that something is missing */
    received.bytes[received.in] = byte;
    received.in = next;
}

ISR(USART_UDRE_vect)
{
    if (to_send.in == to_send.out) {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
        return;
    }
    UDR0 = to_send.bytes[to_send.out];
    to_send.out = behind(to_send.out);
}

ISR(TIMER0_COMPA_vect)
{
    ms++;
}

static int read_line(void *user, uint8_t *to, int size)
{
    int count = 0;
    (void)user;
    while (count < size && received.in != received.out) {
        to[count++] = received.bytes[received.out];
        received.out = behind(received.out);
    }
    return count;
}

static int write_line(void *user, const uint8_t *from, int size)
{
    int count = 0;
    (void)user;
    while (count < size && behind(to_send.in) != to_send.out) {
        to_send.bytes[to_send.in] = from[count++];
        to_send.in = behind(to_send.in);
        UCSR0B |= _BV(UDRIE0);
    }
    return count;
}

static uint16_t millis(void *user)
{
    uint16_t now;
    (void)user;
    cli();
    now = ms;
    sei();
    return now;
}

static const sigb_io io = {read_line, write_line, millis, 0};

static void start_hardware(void)
{
    UCSR0A = _BV(U2X0); /* before UBRR0: simavr works the speed out when that is written */
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UBRR0 = (F_CPU + 4 * BAUD) / (8 * BAUD) - 1;
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    TCCR0A = _BV(WGM01); /* 16 MHz / 64 / 250: 1 ms */
    TCCR0B = _BV(CS01) | _BV(CS00);
    OCR0A = 249;
    TIMSK0 = _BV(OCIE0A);
    DDRB = _BV(PB5);
    sei();
}

int main(void)
{
    start_hardware();
    app_init(NAME, &io, &memory);
    for (;;) {
        app_poll();
        if (app_led)
            PORTB |= _BV(PB5);
        else
            PORTB &= (uint8_t)~_BV(PB5);
#ifdef BLOCK_MS
        for (uint16_t then = millis(0); (uint16_t)(millis(0) - then) < BLOCK_MS;)
            ;
#endif
    }
}
