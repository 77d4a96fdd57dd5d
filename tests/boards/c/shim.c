/* What a test needs to know of structures that it can't see into. */
#include "sigb.h"

size_t shim_board_size(void)
{
    return sizeof(sigb);
}

size_t shim_memory_size(uint8_t window, uint8_t mtu, uint16_t message)
{
    (void)message;
    return SIGB_MEMORY_SIZE(window, mtu, message);
}

void shim_listen(sigb_link *link, bool (*deliver)(sigb_link *, const uint8_t *, uint16_t), void (*renewed)(sigb_link *))
{
    link->deliver = deliver;
    link->renewed = renewed;
}

bool shim_connected(const sigb_link *link)
{
    return link->connected;
}

const sigb_counters *shim_counters(const sigb_link *link)
{
    return &link->counters;
}

int8_t shim_status(const sigb *board)
{
    return board->status;
}

size_t shim_needed(const sigb *board)
{
    return board->needed;
}

size_t shim_there(const sigb *board)
{
    return board->there;
}
