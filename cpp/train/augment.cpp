#include "train/augment.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace qkd::train {

void Augmentation::check(const Shape& image) const {
  if (!wanted()) return;
  require(image.rank() == 3, "augmentation", "needs images (height, width, channels); got ", image.text());
  require(crop >= 0 && crop < image[0] && crop < image[1], "augmentation",
          "crop must be at least 0 and smaller than the image; got ", crop);
}

void Augmentation::apply(Key key, const Shape& image, int batch, float* x) const {
  if (!wanted()) return;
  const int h = image[0], w = image[1], c = image[2];
  const auto span = static_cast<std::uint64_t>(2 * crop + 1);
  std::vector<float> before(image.size());
  for (int b = 0; b < batch; ++b, x += image.size()) {
    const auto n = 3 * static_cast<std::uint64_t>(b);
    const int down = static_cast<int>(key.below(n, span)) - crop,
              right = static_cast<int>(key.below(n + 1, span)) - crop;
    const bool mirrored = flip && key.below(n + 2, 2) == 1;
    std::copy_n(x, image.size(), before.data());
    for (int y = 0; y < h; ++y)
      for (int i = 0; i < w; ++i) {
        const int row = y + down, column = (mirrored ? w - 1 - i : i) + right;
        float* dst = x + (static_cast<std::ptrdiff_t>(y) * w + i) * c;
        const bool inside = row >= 0 && row < h && column >= 0 && column < w;
        for (int k = 0; k < c; ++k)
          dst[k] = inside ? before[(static_cast<std::size_t>(row) * static_cast<std::size_t>(w) +
                                    static_cast<std::size_t>(column)) *
                                       static_cast<std::size_t>(c) +
                                   static_cast<std::size_t>(k)]
                          : 0.0f;
      }
  }
}

}  // namespace qkd::train
