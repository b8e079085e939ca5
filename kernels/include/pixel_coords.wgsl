// Coordinates of a pixel in images of height × width. Kernels divide for their first pixel and count
// on from it: a division by a size that only the step knows is eight scalar ones on a CPU adapter.
// References do not need it: they loop over pixels.

struct PixelCoords {
  image: u32,
  row: u32,
  column: u32,
}

fn pixel_coords(pixel: u32, height: u32, width: u32) -> PixelCoords {
  let line = pixel / width;
  let image = line / height;
  return PixelCoords(image, line - image * height, pixel - line * width);
}

// Moves `p` on by the distance between pixel 0 and `by`.
fn advance(p: PixelCoords, by: PixelCoords, height: u32, width: u32) -> PixelCoords {
  let column = p.column + by.column;
  let wraps = column >= width;
  let row = p.row + by.row + u32(wraps);
  let ends = row >= height;
  return PixelCoords(p.image + by.image + u32(ends), select(row, row - height, ends), select(column, column - width, wraps));
}
