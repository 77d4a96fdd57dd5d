/* The board on an Arduino: sigb.h over a Stream.

       static const char *const events[] = {"#changed"};
       static const sigb_app app = {"thermo", events, 1, NULL, 0, NULL, 0, NULL};
       SigBoard board(app);

       void setup() { Serial.begin(115200); board.begin(Serial); }
       void loop() { board.poll(); board.fire(0, 21.5f); }

   What is in sigb.h can be used as well: `board` turns into the sigb that its functions take. */
#ifndef SIG_BOARD_H
#define SIG_BOARD_H

#include <Arduino.h>

#include "sigb.h"

/* SLOTS, MTU, CREDIT and MESSAGE as in sigb_memory. CREDIT 1 and MTU 48 suit a Serial with a buffer of 64 bytes. */
template <uint8_t SLOTS, uint8_t MTU, uint8_t CREDIT, uint16_t MESSAGE = 4 * MTU> class SigBoardOf
{
    static_assert(SLOTS >= 1 && SLOTS <= SIGB_WINDOW_MAX, "1 .. 8 slots");
    static_assert(MTU >= SIGB_MTU_MIN && MTU <= SIGB_MTU_MAX, "an mtu of 16 .. 246");
    static_assert(CREDIT >= 1 && CREDIT <= SIGB_CREDIT_MAX, "a credit of 1 .. 15");
    static_assert(MESSAGE >= MTU, "messages at least as long as a packet");

  public:
    explicit SigBoardOf(const sigb_app &described) : app(described), stream(NULL), waits(false), io() {}

    /* Begin on a line that is open. A status of sigb_init; after one that is negative do not poll.
       waiting: for a stream that does not tell how many bytes it takes (SoftwareSerial): then writing blocks. */
    int8_t begin(Stream &line, bool waiting = false)
    {
        const sigb_memory memory = {bytes, sizeof bytes, SLOTS, MTU, CREDIT, MESSAGE};
        stream = &line;
        waits = waiting;
        io.read = read;
        io.write = write;
        io.millis = now;
        io.user = this;
        return sigb_init(&board, &app, &io, &memory);
    }

    /* Call it in each loop(). */
    void poll() { sigb_poll(&board); }

    /* Whether the server has taken this board. */
    bool isIn() const { return sigb_is_in(&board); }

    /* Fire an event by its number. SIGB_OK, or why not: see sigb_open_event and sigb_close. */
    int8_t fire(uint8_t event, int value) { return sigb_fire_int(&board, event, value); }
    int8_t fire(uint8_t event, long value) { return sigb_fire_int(&board, event, value); }
    int8_t fire(uint8_t event, float value) { return sigb_fire_float(&board, event, value); }
    int8_t fire(uint8_t event, double value) { return sigb_fire_float(&board, event, (float)value); }
    int8_t fire(uint8_t event, const char *text) { return sigb_fire_text(&board, event, text); }

    operator sigb *() { return &board; }

    sigb board;

  private:
    const sigb_app &app;
    Stream *stream;
    bool waits;
    sigb_io io;
    uint8_t bytes[SIGB_MEMORY_SIZE(SLOTS, MTU, MESSAGE)];

    static int read(void *user, uint8_t *to, int size)
    {
        Stream &line = *static_cast<SigBoardOf *>(user)->stream;
        int count = 0;
        while (count < size && line.available() > 0)
            to[count++] = (uint8_t)line.read();
        return count;
    }

    static int write(void *user, const uint8_t *from, int size)
    {
        SigBoardOf *self = static_cast<SigBoardOf *>(user);
        int room = self->waits ? size : self->stream->availableForWrite();
        return (int)self->stream->write(from, (size_t)(size < room ? size : room));
    }

    static uint16_t now(void *) { return (uint16_t)millis(); }
};

typedef SigBoardOf<2, 48, 1> SigBoard;

#endif
