#include "base/check.h"

#include "catch.h"

TEST_CASE("check: an error says where, what is required and what it got", "[base]") {
  CHECK_NOTHROW(qkd::require(true, "Dense fc1", "units must be positive; got ", 1));
  try {
    qkd::require(false, "Dense fc1", "units must be positive; got ", 0);
    FAIL("nothing was thrown");
  } catch (const qkd::ValueError& error) {
    CHECK(std::string(error.what()) == "[Dense fc1] units must be positive; got 0");
  }
}
