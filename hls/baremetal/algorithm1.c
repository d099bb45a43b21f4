#include "algorithm1.h"

#include "comblock.h"
#include "network.h"

#define PATIENCE TIMER_HZ /* a second without a word that moves */

void network_reset(void) {
  cb_write(CB_OREG0 + RESET_REGISTER, 1);
  /* The output FIFO first: a network that is still fed would refill the other one. */
  cb_write(CB_OFIFO_CONTROL, 1);
  cb_write(CB_IFIFO_CONTROL, 1);
  (void)cb_read(CB_OFIFO_STATUS); /* clears the sticky overflow and underflow bits */
  (void)cb_read(CB_IFIFO_STATUS);
  cb_write(CB_OREG0 + RESET_REGISTER, 0);
}

/* Whether the result is there. `trouble` gathers the input FIFO's status: reading it clears what it tells. */
static int arrived(uint32_t before, uint32_t *trouble) {
  uint32_t status = cb_read(CB_IFIFO_STATUS);
  *trouble |= status;
#if RESULT_IN_REGISTERS
  return cb_read(CB_IREG0 + COUNT_REGISTER) != before;
#else
  (void)before;
  return CB_COUNT(status) >= OUTPUT_WORDS;
#endif
}

int network_run(const uint32_t *sample, uint32_t *result, uint32_t *ticks) {
  uint32_t sent = 0, i, before = 0, trouble = 0, status, start, moved;
#if RESULT_IN_REGISTERS
  before = cb_read(CB_IREG0 + COUNT_REGISTER);
#endif
  start = moved = platform_ticks();
  while (sent < INPUT_WORDS || !arrived(before, &trouble)) {
    status = cb_read(CB_OFIFO_STATUS);
    if (status & CB_OFIFO_OVERFLOW) return NETWORK_OVERFLOW;
    for (i = CB_COUNT(status); i < OFIFO_DEPTH && sent < INPUT_WORDS; i++) {
      cb_write(CB_OFIFO_VALUE, sample[sent++]);
      moved = platform_ticks();
    }
    if (platform_ticks() - moved > PATIENCE) return NETWORK_TIMEOUT;
  }
  for (i = 0; i < OUTPUT_WORDS; i++) {
#if RESULT_IN_REGISTERS
    result[i] = cb_read(CB_IREG0 + RESULT_REGISTER + i);
#else
    result[i] = cb_read(CB_IFIFO_VALUE);
#endif
  }
  *ticks = platform_ticks() - start;
  trouble |= cb_read(CB_IFIFO_STATUS);
  return trouble & CB_IFIFO_UNDERFLOW ? NETWORK_UNDERFLOW : NETWORK_OK;
}

int network_class(const uint32_t *result) {
  int best = 0, i;
  int64_t largest = 0;
  for (i = 0; i < CLASSES; i++) {
#if CODE_BITS == 64
    int64_t logit = (int64_t)((uint64_t)result[2 * i + 1] << 32 | result[2 * i]);
#else
    int64_t logit = (int32_t)result[i];
#endif
    if (i == 0 || logit > largest) {
      largest = logit;
      best = i;
    }
  }
  return best;
}
