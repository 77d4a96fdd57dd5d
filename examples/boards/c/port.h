/* What these examples need of a machine. port_posix.c is for Linux and macOS; on a board write these few functions anew. */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>

#include "sigb_io.h"

/* Open the line: the tty that the first argument names; without one a pty, whose name is printed. Ends the program if
   that fails. */
const sigb_io *port_open(int count, char **words);

/* Wait until something comes or `ms` are over. False: the program should end. */
bool port_wait(int ms);

/* The temperature of the processor, in degrees Celsius; of a made-up room where the machine does not tell. */
float port_celsius(void);

/* Switch the LED: here, a line on the standard error output. */
void port_led(bool on);

#endif
