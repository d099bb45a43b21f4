"""A frozen network, written for other tools."""

SIGNIFICAND_BITS = 24  # of a float32, the leading one included: whole numbers up to 2^24 are exact
