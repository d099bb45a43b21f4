/* MicroBlaze: an AXI Timer at TIMER_BASE counts clock cycles; xil_printf writes to the UART. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdint.h>

#include "network.h"
#include "xil_printf.h"

#define platform_print xil_printf
#define TIMER_CONTROL 0x0u
#define TIMER_COUNT 0x8u
#define TIMER_ENABLE 0x80u
#define TIMER_LOAD 0x20u

static inline uint32_t platform_read(uintptr_t address) { return *(volatile uint32_t *)address; }
static inline void platform_write(uintptr_t address, uint32_t value) { *(volatile uint32_t *)address = value; }
static inline uint32_t platform_ticks(void) { return platform_read(TIMER_BASE + TIMER_COUNT); }
static inline void platform_begin(void) {
  platform_write(TIMER_BASE + TIMER_CONTROL, TIMER_LOAD); /* from zero, upwards */
  platform_write(TIMER_BASE + TIMER_CONTROL, TIMER_ENABLE);
}
static inline void platform_end(void) {}

#endif
