/* The letter's Algorithm 1 on a ComBlock, every wait with a deadline. */
#ifndef ALGORITHM1_H
#define ALGORITHM1_H

#include <stdint.h>

enum { NETWORK_OK = 0, NETWORK_TIMEOUT = 1, NETWORK_OVERFLOW = 2, NETWORK_UNDERFLOW = 3 };

/* Lines 1 and 2: flush, and let the network out of its reset. */
void network_reset(void);

/* Line 3: a sample in, its result out. `ticks` is the timer's count from the first word sent to the last received.
   Returns NETWORK_OK, or what went wrong; call network_reset before the next sample then. */
int network_run(const uint32_t *sample, uint32_t *result, uint32_t *ticks);

/* The class with the largest logit; of equal ones the first. */
int network_class(const uint32_t *result);

#endif
