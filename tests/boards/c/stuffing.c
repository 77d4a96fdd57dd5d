/* A packet without a link: to the line and back. */
#include <string.h>

#include "sigb_packet.h"

static uint8_t *line;

static int write_line(void *user, const uint8_t *from, int size)
{
    (void)user;
    memcpy(line, from, (size_t)size);
    line += size;
    return size;
}

/* The wire of these bytes as they are, without a CRC; its size. */
int stuff(const uint8_t *raw, int size, uint8_t *wire)
{
    const sigb_io io = {0, write_line, 0, 0};
    sigb_packet_out out = {.bytes = raw, .left = (uint8_t)size};
    line = wire;
    (void)sigb_packet_push(&out, &io);
    return (int)(line - wire);
}

/* The bytes that stand between two delimiters, and what follows for the packet: its size, -1 if they are no COBS. */
int unstuff(const uint8_t *wire, int size, uint8_t *raw)
{
    static uint8_t bytes[253];
    sigb_packet_in in = {.bytes = bytes, .room = sizeof bytes};
    while (size--)
        if (*wire)
            (void)sigb_packet_take(&in, *wire++);
        else
            wire++;
    memcpy(raw, bytes, in.size);
    return in.left ? -1 : in.size;
}
