/* What is compiled in: change it with -D, or here where a tool (the Arduino IDE) has no place for -D.
   All files of one program must be compiled with the same answers. */
#ifndef SIGB_CONFIG_H
#define SIGB_CONFIG_H

/* 1: the board makes requests of its own. */
#ifndef SIGB_REQUESTS
#define SIGB_REQUESTS 0
#endif

/* 1: messages longer than a packet, in both directions. Needs memory for two of the longest ones. */
#ifndef SIGB_PARTS
#define SIGB_PARTS 0
#endif

/* 1: counts what goes wrong on the line, in sigb_link.counters. */
#ifndef SIGB_COUNTERS
#define SIGB_COUNTERS 1
#endif

/* 1: packets have CRC-32 where the host knows it, as programs do; a CRC-16 lets one of some 65,000 packets through that were
   damaged in more than one place. Takes 2 bytes more for each packet and some 200 of flash. */
#ifndef SIGB_CRC32
#ifdef __AVR__
#define SIGB_CRC32 0
#else
#define SIGB_CRC32 1
#endif
#endif

/* Own requests that may be open at once, 1 .. 24. */
#ifndef SIGB_OPEN
#define SIGB_OPEN 4
#endif

#endif
