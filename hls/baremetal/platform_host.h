/* No board: registers over a pipe, for a simulated ComBlock on the other side. Standard output is the UART. A request
   on descriptor 3 is a byte 'R' or 'W', the address and the value, 32 bits each, little end first; a read's answer
   comes on descriptor 4. Ticks are accesses. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network.h"

#define platform_print printf

static uint32_t platform_accesses;

static inline void platform_send(char kind, uint32_t address, uint32_t value) {
  unsigned char request[9];
  request[0] = (unsigned char)kind;
  memcpy(request + 1, &address, 4);
  memcpy(request + 5, &value, 4);
  platform_accesses++;
  if (write(3, request, sizeof request) != (ssize_t)sizeof request) exit(2);
}
static inline uint32_t platform_read(uintptr_t address) {
  uint32_t value;
  platform_send('R', (uint32_t)address, 0);
  if (read(4, &value, 4) != 4) exit(2);
  return value;
}
static inline void platform_write(uintptr_t address, uint32_t value) { platform_send('W', (uint32_t)address, value); }
static inline uint32_t platform_ticks(void) { return platform_accesses; }
static inline void platform_begin(void) {}
static inline void platform_end(void) { fflush(stdout); }

#endif
