// How many threads oneDNN may use. Our own kernels run on the caller's.
#pragma once

namespace qkd {

void set_threads(int count);
int threads();

}  // namespace qkd
