/* ICTP's ComBlock: word registers and two FIFOs. A word's address is its number times four. */
#ifndef COMBLOCK_H
#define COMBLOCK_H

#include <stdint.h>

#include "platform.h"

enum {
  CB_IREG0 = 0,
  CB_OREG0 = 16,
  CB_IFIFO_VALUE = 32,
  CB_IFIFO_CONTROL = 33,
  CB_IFIFO_STATUS = 34,
  CB_OFIFO_VALUE = 36,
  CB_OFIFO_CONTROL = 37,
  CB_OFIFO_STATUS = 38
};

/* STATUS: the count in the upper half; bit 2 is cleared by reading. */
#define CB_COUNT(status) ((status) >> 16)
#define CB_IFIFO_EMPTY 0x1u
#define CB_IFIFO_UNDERFLOW 0x4u
#define CB_OFIFO_FULL 0x1u
#define CB_OFIFO_OVERFLOW 0x4u

#define cb_read(word) platform_read(COMBLOCK_BASE + 4u * (word))
#define cb_write(word, value) platform_write(COMBLOCK_BASE + 4u * (word), (value))

#endif
