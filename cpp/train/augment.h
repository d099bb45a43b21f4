// Images changed at random while they are learnt: a function of the key and of the image's place in the batch
// alone.
#pragma once
#include "base/key.h"
#include "base/shape.h"

namespace qkd::train {

struct Augmentation {
  bool flip = false;  // left to right, every other image
  int crop = 0;       // zeros around the image, from which its own size is cut at a random place

  bool wanted() const { return flip || crop > 0; }
  void check(const Shape& image) const;  // throws where the samples are no images
  void apply(Key key, const Shape& image, int batch, float* x) const;
};

}  // namespace qkd::train
