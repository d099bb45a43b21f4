/* Every vector through the network, a line of text each:

     # qkdflow NAME samples N words W
     S,index,label,predicted,cycles,word,word,...
     E,index,what
     # end S F                                       samples printed, samples that failed

   `qkdflow assess DIR --device serial:PORT` reads it. */
#include "algorithm1.h"
#include "network.h"
#include "platform.h"
#include "vectors.h"

static const char *const what[] = {"ok", "timeout", "output FIFO overflow", "input FIFO underflow"};

int main(void) {
  uint32_t result[OUTPUT_WORDS], ticks;
  int i, j, outcome, printed = 0, failed = 0;
  platform_begin();
  platform_print("# qkdflow " NETWORK_NAME " samples %d words %d\r\n", VECTORS, OUTPUT_WORDS);
  network_reset();
  for (i = 0; i < VECTORS; i++) {
    outcome = network_run(vector_words[i], result, &ticks);
    if (outcome != NETWORK_OK) {
      platform_print("E,%d,%s\r\n", vector_index[i], what[outcome]);
      failed++;
      network_reset();
      continue;
    }
    platform_print("S,%d,%d,%d,%u", vector_index[i], vector_label[i], network_class(result), (unsigned)ticks);
    for (j = 0; j < OUTPUT_WORDS; j++) platform_print(",%08x", (unsigned)result[j]);
    platform_print("\r\n");
    printed++;
  }
  platform_print("# end %d %d\r\n", printed, failed);
  platform_end();
  return failed != 0;
}
