"""All readers that are fuzzed, by name."""

import board_readers
import data_readers
import network_readers

READERS = {**data_readers.READERS, **network_readers.READERS, **board_readers.READERS}
