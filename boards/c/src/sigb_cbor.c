#include "sigb_cbor.h"

#include <string.h>

enum { FALSE_HEAD = 0xF4, TRUE_HEAD, NULL_HEAD, FLOAT_HEAD = 0xFA };

/* ---- writing ---- */

static void put(sigb_writer *w, uint8_t byte)
{
    if (w->size < w->room)
        w->at[w->size] = byte;
    if (w->size < UINT16_MAX)
        w->size++;
}

void sigb_write_raw(sigb_writer *w, const uint8_t *bytes, uint16_t size)
{
    while (size--)
        put(w, *bytes++);
}

static void put_word(sigb_writer *w, uint16_t word)
{
    put(w, (uint8_t)(word >> 8));
    put(w, (uint8_t)word);
}

static void put_long(sigb_writer *w, uint32_t value)
{
    put_word(w, (uint16_t)(value >> 16));
    put_word(w, (uint16_t)value);
}

static void put_head(sigb_writer *w, uint8_t major, uint32_t value)
{
    uint16_t low = (uint16_t)value;
    major = (uint8_t)(major << 5);
    if (value >> 16) {
        put(w, major | 26);
        put_long(w, value);
    } else if (low > UINT8_MAX) {
        put(w, major | 25);
        put_word(w, low);
    } else {
        if (low >= 24) {
            put(w, major | 24);
            major = 0;
        }
        put(w, (uint8_t)(major | low));
    }
}

void sigb_write_null(sigb_writer *w)
{
    put(w, NULL_HEAD);
}

void sigb_write_bool(sigb_writer *w, bool value)
{
    put(w, value ? TRUE_HEAD : FALSE_HEAD);
}

void sigb_write_uint(sigb_writer *w, uint32_t value)
{
    put_head(w, SIGB_INT, value);
}

void sigb_write_int(sigb_writer *w, int32_t value)
{
    if (value < 0)
        put_head(w, SIGB_NEGATIVE, ~(uint32_t)value);
    else
        put_head(w, SIGB_INT, (uint32_t)value);
}

void sigb_write_float(sigb_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, FLOAT_HEAD);
    put_long(w, bits);
}

static void put_string(sigb_writer *w, uint8_t major, const void *bytes, size_t size)
{
    uint16_t counted = size < UINT16_MAX ? (uint16_t)size : UINT16_MAX; /* it can't fit then anyhow */
    put_head(w, major, counted);
    sigb_write_raw(w, (const uint8_t *)bytes, counted);
}

void sigb_write_text(sigb_writer *w, const char *text)
{
    put_string(w, SIGB_TEXT, text, strlen(text));
}

void sigb_write_bytes(sigb_writer *w, const void *bytes, uint16_t size)
{
    put_string(w, SIGB_BYTES, bytes, size);
}

void sigb_write_list(sigb_writer *w, uint16_t count)
{
    put_head(w, SIGB_LIST, count);
}

void sigb_write_map(sigb_writer *w, uint16_t count)
{
    put_head(w, SIGB_MAP, count);
}

/* ---- reading ---- */

static uint16_t left(const sigb_reader *r)
{
    return (uint16_t)(r->end - r->at);
}

sigb_reader sigb_reader_of(const uint8_t *bytes, uint16_t size)
{
    sigb_reader r = {bytes, bytes + size, 0, false};
    return r;
}

/* Read the head of an item: its type, and in r->value its number, length, count, bits of a float or FALSE, TRUE. */
static uint8_t head(sigb_reader *r)
{
    uint8_t first, info, size;
    r->value = 0;
    if (r->failed || r->at == r->end)
        return SIGB_NOTHING;
    first = *r->at++;
    info = first & 31;
    if (info < 24) {
        r->value = info;
    } else {
        size = (uint8_t)(info == 26 ? 4 : info - 23);
        if (info > 26 || size > left(r))
            return SIGB_NOTHING;
        while (size--)
            r->value = r->value << 8 | *r->at++;
    }
    if (first < 6 << 5)
        return first >> 5;
    if (first == FLOAT_HEAD && ((r->at[-4] & 0x7F) != 0x7F || !(r->at[-3] & 0x80)))
        return SIGB_FLOAT; /* the exponents that are left out are infinity and NaN */
    if (first == NULL_HEAD)
        return SIGB_NULL;
    return first == FALSE_HEAD || first == TRUE_HEAD ? SIGB_BOOL : SIGB_NOTHING;
}

uint8_t sigb_peek(sigb_reader *r)
{
    const uint8_t *at = r->at;
    uint8_t type = head(r);
    r->at = at;
    return type;
}

/* The number in the head of an item that must be of this type. */
static uint32_t expect(sigb_reader *r, uint8_t type)
{
    if (head(r) == type)
        return r->value;
    r->failed = true;
    return 0;
}

void sigb_read_null(sigb_reader *r)
{
    (void)expect(r, SIGB_NULL);
}

bool sigb_read_bool(sigb_reader *r)
{
    return expect(r, SIGB_BOOL) == (TRUE_HEAD & 31);
}

uint32_t sigb_read_uint(sigb_reader *r)
{
    return expect(r, SIGB_INT);
}

int32_t sigb_read_int(sigb_reader *r)
{
    uint8_t type = head(r);
    if (type <= SIGB_NEGATIVE && r->value <= INT32_MAX)
        return type == SIGB_INT ? (int32_t)r->value : -1 - (int32_t)r->value;
    r->failed = true;
    return 0;
}

float sigb_read_float(sigb_reader *r)
{
    float number = 0;
    switch (head(r)) {
    case SIGB_INT: return (float)r->value;
    case SIGB_NEGATIVE: return -1 - (float)r->value;
    case SIGB_FLOAT: memcpy(&number, &r->value, sizeof number); return number;
    default: r->failed = true; return number;
    }
}

static const uint8_t *read_string(sigb_reader *r, uint8_t type, uint16_t *size)
{
    uint32_t value = expect(r, type);
    const uint8_t *string = r->at;
    if (value > left(r)) {
        r->failed = true;
        value = 0;
    }
    r->at += value;
    *size = (uint16_t)value;
    return string;
}

const char *sigb_read_text(sigb_reader *r, uint16_t *size)
{
    return (const char *)read_string(r, SIGB_TEXT, size);
}

const uint8_t *sigb_read_bytes(sigb_reader *r, uint16_t *size)
{
    return read_string(r, SIGB_BYTES, size);
}

static uint16_t read_count(sigb_reader *r, uint8_t type)
{
    uint32_t value = expect(r, type);
    if (value <= left(r))
        return (uint16_t)value;
    r->failed = true;
    return 0;
}

uint16_t sigb_read_list(sigb_reader *r)
{
    return read_count(r, SIGB_LIST);
}

uint16_t sigb_read_map(sigb_reader *r)
{
    return read_count(r, SIGB_MAP);
}

/* ---- whole items ---- */

static bool is_utf8(const uint8_t *text, uint16_t size)
{
    const uint8_t *end = text + size;
    while (text < end) {
        uint8_t first = *text++, second, more;
        if (first < 0x80)
            continue;
        more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
        if (first < 0xC2 || first > 0xF4 || more > end - text)
            return false;
        second = *text;
        if ((first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90)) /* longer than it must be */
            return false;
        if ((first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F)) /* surrogates; beyond 10FFFF */
            return false;
        while (more--)
            if ((*text++ & 0xC0) != 0x80)
                return false;
    }
    return true;
}

/* Leave out one item, with at most `depth` containers in each other: by recursion, which takes 12 bytes of stack for
   each on an 8-bit board. */
static void skip(sigb_reader *r, uint8_t depth)
{
    uint8_t type = head(r);
    uint16_t size = (uint16_t)r->value;
    bool is_container = type == SIGB_LIST || type == SIGB_MAP;
    bool is_string = type == SIGB_TEXT || type == SIGB_BYTES;
    if (type == SIGB_NOTHING || ((is_container || is_string) && r->value > left(r)) || (is_container && !depth)) {
        r->failed = true;
    } else if (is_string) {
        if (type == SIGB_TEXT && !is_utf8(r->at, size))
            r->failed = true;
        r->at += size;
    } else if (is_container) {
        while (size-- && !r->failed) {
            if (type == SIGB_MAP) {
                if (sigb_peek(r) != SIGB_TEXT)
                    r->failed = true;
                skip(r, 1);
            }
            skip(r, (uint8_t)(depth - 1));
        }
    }
}

void sigb_skip(sigb_reader *r)
{
    skip(r, SIGB_DEPTH);
}

bool sigb_is_item(const uint8_t *bytes, uint16_t size)
{
    sigb_reader r = sigb_reader_of(bytes, size);
    sigb_skip(&r);
    return !r.failed && r.at == r.end;
}
