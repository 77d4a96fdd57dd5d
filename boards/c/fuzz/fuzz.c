/* What a hostile or broken line can do to a board.

       fuzz FRAMES [SEED]

   Runs the test application on memory of exactly the size that it asks for and gives it FRAMES packets: most have a
   right CRC and content that is nearly right, some are damaged or no packets at all. They come in random pieces, the
   line takes random amounts, the clock jumps. Meant to be built with ASan and UBSan; checks besides that the link stays
   within its window and that every packet that it sends is whole. The same seed gives the same run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

enum { SYN = 1, SYNACK, DATA, NAK = 5, PING, HELLO, FIN, PART };

static uint64_t random_state;
static uint16_t clock_ms;
static uint8_t input[4096], sent[512];
static int input_size, input_at, sent_size;
static unsigned long packets_out, boards;
static sigb_memory memory;

static uint32_t rnd(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % below;
}

static void fail(const char *what)
{
    fprintf(stderr, "fuzz: %s\n", what);
    abort();
}

/* ---- the line ---- */

static bool sent_is_whole(bool long_crc)
{
    uint8_t bytes[256];
    sigb_packet_in in = {.bytes = bytes, .room = 253, .long_crc = long_crc};
    int i;
    for (i = 0; i < sent_size; i++)
        (void)sigb_packet_take(&in, sent[i]);
    return sigb_packet_take(&in, 0) == SIGB_WHOLE;
}

/* What the board sends between two delimiters must be a packet; of the session before if that ended meanwhile. */
static void check_sent(uint8_t byte)
{
    if (byte) {
        if (sent_size == sizeof sent)
            fail("a packet without an end");
        sent[sent_size++] = byte;
        return;
    }
    if (sent_size && !sent_is_whole(true) && !sent_is_whole(false))
        fail("a damaged packet was sent");
    packets_out += sent_size != 0;
    sent_size = 0;
}

static int read_line(void *user, uint8_t *to, int size)
{
    int left = input_size - input_at;
    (void)user;
    if (size > left)
        size = left;
    memcpy(to, input + input_at, (size_t)size);
    input_at += size;
    return size;
}

static int write_line(void *user, const uint8_t *from, int size)
{
    static const int most[] = {0, 1, 1, 7, 1000, 1000, 1000, 1000};
    int taken = most[rnd(8)], i;
    (void)user;
    if (taken > size)
        taken = size;
    for (i = 0; i < taken; i++)
        check_sent(from[i]);
    return taken;
}

static uint16_t millis(void *user)
{
    (void)user;
    return clock_ms;
}

static const sigb_io io = {read_line, write_line, millis, NULL};

/* ---- packets ---- */

static void put(uint8_t byte)
{
    if (input_size < (int)sizeof input)
        input[input_size++] = byte;
}

/* COBS of `size` bytes, 0 .. 255, with one delimiter or both. */
static void put_packet(const uint8_t *raw, int size)
{
    int at, end;
    put(0);
    for (at = 0; at <= size; at = end + 1) {
        for (end = at; end < size && raw[end] && end - at < 253; end++)
            ;
        put((uint8_t)(end - at + 1));
        while (at < end)
            put(raw[at++]);
        if (end < size && raw[end])
            break;
    }
    if (rnd(10))
        put(0);
}

/* A few items that are right or nearly so; the number of bytes. */
static int random_items(uint8_t *to, int room)
{
    static const uint8_t heads[] = {0x00, 0x01, 0x05, 0x18, 0x19, 0x1A, 0x20, 0x38, 0x42, 0x60, 0x61, 0x64, 0x78,
                                    0x80, 0x81, 0x83, 0x98, 0xA0, 0xA1, 0xC1, 0xF4, 0xF5, 0xF6, 0xF7, 0xFA, 0xFF};
    int size = 0;
    while (size < room && rnd(6))
        to[size++] = rnd(2) ? heads[rnd(sizeof heads)] : rnd(2) ? (uint8_t)('a' + rnd(26)) : (uint8_t)rnd(256);
    return size;
}

/* A message of the host: the length of its list, kind and number are mostly right. */
static int random_message(uint8_t *to, int room)
{
    static const uint8_t counts[] = {2, 3, 4, 4, 3};
    uint8_t kind = (uint8_t)rnd(5);
    int size = 0, end;
    if (rnd(10) == 0)
        return random_items(to, room);
    to[size++] = (uint8_t)(0x80 | (rnd(12) ? counts[kind] : rnd(6)));
    to[size++] = rnd(20) ? kind : (uint8_t)rnd(256);
    if (kind == 0) {
        to[size++] = (uint8_t)(rnd(4) ? 0 : 0x20 + rnd(24));
        return size;
    }
    if (kind == 4) {
        to[size++] = (uint8_t)rnd(2);
        to[size++] = (uint8_t)rnd(24);
        return size;
    }
    to[size++] = (uint8_t)rnd(rnd(3) ? 3 : 24);
    if (kind == 2 || kind == 3)
        to[size++] = rnd(8) ? (uint8_t)rnd(7) : 0x61;
    switch (rnd(5)) {
    case 0: to[size++] = (uint8_t)rnd(24); return size;
    case 1: to[size++] = 0xF6; return size;
    case 2: /* text to the end of the packet */
        end = (int)rnd((uint32_t)room);
        if (end > size + 2) {
            to[size] = 0x78;
            to[size + 1] = (uint8_t)(end - size - 2);
            memset(to + size + 2, 'x', (size_t)(end - size - 2));
            size = end;
        }
        return size;
    default: return size + random_items(to + size, room - size);
    }
}

static int random_syn(uint8_t *to, uint8_t *head)
{
    const sigb_link *link = &app_board.link;
    memset(to, 0, 16);
    to[0] = (uint8_t)(rnd(30) ? 1 : rnd(4));
    to[1] = (uint8_t)rnd(4);
    memcpy(to + 2, link->syn + 2, 4);
    if (rnd(4) == 0)
        to[2 + rnd(4)] = (uint8_t)rnd(256);
    to[6] = (uint8_t)(rnd(20) ? 16 + rnd(231) : rnd(256));
    to[7] = (uint8_t)(rnd(20) ? 1 + rnd(8) : rnd(256));
    to[8] = (uint8_t)(rnd(4) ? 1 + rnd(20) : rnd(256));
    to[9] = (uint8_t)(rnd(20) ? 1 + rnd(20) : rnd(256));
    to[10] = (uint8_t)rnd(256);
    to[11] = (uint8_t)rnd(rnd(2) ? 2 : 256);
    if (rnd(2))
        head[2] = link->base;
    return rnd(10) ? 12 : (int)rnd(17);
}

static int put_crc(uint8_t *raw, int size)
{
    uint8_t kind = raw[0] >> 4;
    bool is_long = app_board.link.in.long_crc && kind != SYN && kind != SYNACK && kind != HELLO;
    uint32_t crc = is_long ? sigb_crc32(raw, (uint8_t)size) : (uint32_t)sigb_crc16(raw, (uint8_t)size) << 16;
    int end = size + (is_long ? 4 : 2);
    for (; size < end; crc <<= 8)
        raw[size++] = (uint8_t)(crc >> 24);
    return size;
}

static void put_random_frame(void)
{
    static const uint8_t kinds[] = {DATA, DATA, DATA, DATA, DATA, PART, PART, NAK, PING, 4, 4, 4, SYN, HELLO, 2, 10};
    const sigb_link *link = &app_board.link;
    uint8_t raw[400] = {0}; /* what is not written below is sent as well, now and then */
    uint8_t kind = kinds[rnd(sizeof kinds)];
    int room = link->mtu, size = 0;
    if (!link->connected && rnd(3))
        kind = SYN;
    else if (rnd(500) == 0)
        kind = FIN;
    raw[0] = (uint8_t)((uint32_t)kind << 4 | (rnd(6) ? 8 + rnd(8) : rnd(16)));
    raw[1] = (uint8_t)(rnd(8) ? link->expected : rnd(256));
    raw[2] = (uint8_t)(rnd(8) ? link->base + rnd((uint8_t)(link->top - link->base) + 1u) : rnd(256));
    if (kind == SYN)
        size = random_syn(raw + 3, raw);
    else if (kind == DATA)
        size = random_message(raw + 3, room);
    else if (kind == PART)
        size = (int)rnd((uint32_t)room + 1);
    else if (rnd(20) == 0)
        size = (int)rnd(20);
    if (kind == PART)
        size = rnd(2) ? random_message(raw + 3, size < 40 ? 40 : size) : (memset(raw + 3, 0x80, (size_t)size), size);
    if (rnd(100) == 0)
        size = room + (int)rnd(3);
    size += 3;
    if (size > 249)
        size = 249;
    size = put_crc(raw, size);
    put_packet(raw, rnd(50) ? size : size - (int)rnd((uint32_t)size));
}

static void damage(void)
{
    int count = 1 + (int)rnd(3);
    while (count--)
        input[rnd((uint32_t)input_size)] ^= (uint8_t)(1u << rnd(8));
}

/* Bytes that are no message at all, read by whatever function. */
static void read_anything(void)
{
    uint16_t size = (uint16_t)rnd(40), length;
    uint8_t *bytes = malloc(size + 1u); /* so that one byte too many is seen */
    sigb_reader r;
    if (!bytes)
        fail("no memory");
    size = (uint16_t)random_items(bytes, size);
    bytes = realloc(bytes, size + 1u);
    r = sigb_reader_of(bytes + 1, size);
    memmove(bytes + 1, bytes, size);
    (void)sigb_is_item(bytes + 1, size);
    while (r.at < r.end && !r.failed)
        switch (rnd(10)) {
        case 0: sigb_read_null(&r); break;
        case 1: (void)sigb_read_bool(&r); break;
        case 2: (void)sigb_read_int(&r); break;
        case 3: (void)sigb_read_uint(&r); break;
        case 4: (void)sigb_read_float(&r); break;
        case 5: (void)sigb_read_text(&r, &length); break;
        case 6: (void)sigb_read_bytes(&r, &length); break;
        case 7: (void)sigb_read_list(&r); break;
        case 8: (void)sigb_read_map(&r); break;
        default: sigb_skip(&r);
        }
    if (r.at > r.end)
        fail("read beyond the end");
    free(bytes);
}

/* ---- the board ---- */

/* Memory that can't be used. */
static void start_badly(void)
{
    sigb_memory bad = memory;
    switch (rnd(4)) {
    case 0: bad.window = 9; break;
    case 1: bad.credit = 0; break;
    case 2: bad.message = (uint16_t)(bad.mtu - 1); break;
    default: bad.size--;
    }
    if (app_init("fuzz", &io, &bad) == SIGB_OK)
        fail("bad memory was taken");
}

static void start(void)
{
    memory.window = (uint8_t)(1 + rnd(8));
    memory.mtu = (uint8_t)(rnd(2) ? 48 : 30 + rnd(217));
    memory.credit = (uint8_t)(1 + rnd(15));
    memory.message = (uint16_t)(memory.mtu + rnd(400));
    memory.size = SIGB_MEMORY_SIZE(memory.window, memory.mtu, memory.message);
    free(memory.bytes);
    memory.bytes = malloc(memory.size);
    sent_size = 0;
    start_badly();
    if (!memory.bytes || app_init("fuzz", &io, &memory) != SIGB_OK)
        fail("no board");
    boards++;
}

static void check_link(void)
{
    const sigb_link *link = &app_board.link;
    uint8_t open = sigb_link_open(link);
    if (open > link->window || (uint8_t)(link->sent - link->base) > open || (uint8_t)(link->top - link->base) > open)
        fail("beyond its window");
    if (link->first >= link->window || link->in.size > link->in.room)
        fail("beyond its memory");
}

static void let_time_go(void)
{
    uint32_t kind = rnd(100);
    clock_ms = (uint16_t)(clock_ms + (kind < 60 ? 0 : kind < 95 ? rnd(60) : kind < 99 ? rnd(2000) : rnd(65536)));
}

static void run_board(void)
{
    int whole = input_size;
    input_size = input_at;
    while (input_size < whole) { /* in pieces */
        input_size += 1 + (int)rnd(64);
        if (input_size > whole)
            input_size = whole;
        let_time_go();
        app_poll();
        check_link();
    }
    if (rnd(4) == 0) {
        let_time_go();
        app_poll();
        check_link();
    }
}

/* Nobody answers for a while. */
static void wait_long(void)
{
    int i;
    for (i = 0; i < 60; i++) {
        clock_ms = (uint16_t)(clock_ms + 500);
        app_poll();
        check_link();
    }
}

int main(int count, char **words)
{
    long frames = count > 1 ? atol(words[1]) : 100000, done;
    random_state = 0x9E3779B97F4A7C15u ^ (count > 2 ? strtoull(words[2], NULL, 0) : 1);
    for (done = 0; done < frames; done++) {
        if (done % 5000 == 0)
            start();
        input_size = input_at = 0;
        if (rnd(50) == 0) {
            uint32_t noise = rnd(600);
            while (noise--)
                put((uint8_t)rnd(256));
        } else {
            put_random_frame();
        }
        if (input_size && rnd(12) == 0)
            damage();
        run_board();
        if (rnd(10) == 0)
            read_anything();
        if (rnd(500) == 0)
            wait_long();
        if (rnd(3000) == 0)
            sigb_link_finish(&app_board.link);
        if (rnd(3000) == 0) {
            sigb_link_reopened(&app_board.link);
            sent_size = 0;
        }
    }
    printf("fuzz: %ld frames, %lu boards, %lu packets sent; the last board ignored %u and got %u damaged\n", frames,
           boards, packets_out, app_board.link.counters.ignored, app_board.link.counters.damaged);
    free(memory.bytes);
    return 0;
}
