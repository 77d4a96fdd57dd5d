/* The application that all test boards run. */
#ifndef APP_H
#define APP_H

#include "sigb.h"

extern sigb app_board;
extern bool app_led; /* whether `led.set` was given another number than 0 */

/* Begin, or begin anew as after a reset: all counts are 0. The statuses of sigb_init. */
int8_t app_init(const char *name, const sigb_io *io, const sigb_memory *memory);

void app_poll(void);

#endif
