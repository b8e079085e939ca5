// Where a pixel lies in images of height × width. Kernels divide for their first pixel and count on
// from it: a division by a size that only the step knows is eight scalar ones on a CPU adapter.
// References need none of it: they loop over pixels.

struct Place {
  image: u32,
  row: u32,
  column: u32,
}

fn place(pixel: u32, height: u32, width: u32) -> Place {
  let line = pixel / width;
  let image = line / height;
  return Place(image, line - image * height, pixel - line * width);
}

// As many pixels on as there are before `by`.
fn onwards(p: Place, by: Place, height: u32, width: u32) -> Place {
  let column = p.column + by.column;
  let wraps = column >= width;
  let row = p.row + by.row + u32(wraps);
  let ends = row >= height;
  return Place(p.image + by.image + u32(ends), select(row, row - height, ends), select(column, column - width, wraps));
}
