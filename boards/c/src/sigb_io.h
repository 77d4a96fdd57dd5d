/* The line of a board, as callbacks. None of them may block. */
#ifndef SIGB_IO_H
#define SIGB_IO_H

#include <stdint.h>

typedef struct {
    /* Read up to `size` bytes that are there; the number of them, 0 or less if there are none. */
    int (*read)(void *user, uint8_t *to, int size);
    /* Take up to `size` bytes; the number of those taken, 0 or less if none can be. */
    int (*write)(void *user, const uint8_t *from, int size);
    /* Milliseconds since any moment; may wrap at 16 bits. */
    uint16_t (*millis)(void *user);
    void *user;
} sigb_io;

#endif
