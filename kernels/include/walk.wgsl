// Walks over a window: the reduction of a convolution goes over the loads of a pixel and over the window's
// pixels, `across` of them in a row. A thread counts on from its first load, without divisions.
// References do not need it: they loop over taps and channels.

struct Walk {
  // Load of the pixel, pixel of the window, and the place of all three in memory.
  load: u32,
  x: u32,
  y: u32,
  offset: i32,
}

// How far a step goes, and how the place changes when a pixel or a row ends within it.
struct WalkStep {
  by: Walk,
  loads: u32,
  across: u32,
  next_pixel: i32,
  next_row: i32,
}

// Place of load `n`, where the next load of a pixel is `one` away, the pixel to the right `right`, and the
// one below `below`.
fn walk_to(n: u32, loads: u32, across: u32, one: i32, right: i32, below: i32) -> Walk {
  let pixel = n / loads;
  let y = pixel / across;
  let at = vec3<u32>(n - pixel * loads, pixel - y * across, y);
  return Walk(at.x, at.y, at.z, i32(at.x) * one + i32(at.y) * right + i32(at.z) * below);
}

// A step of n loads.
fn walk_step(n: u32, loads: u32, across: u32, one: i32, right: i32, below: i32) -> WalkStep {
  let by = walk_to(n, loads, across, one, right, below);
  return WalkStep(by, loads, across, right - i32(loads) * one, below - i32(across) * right);
}

fn walk_on(from_: Walk, step: WalkStep) -> Walk {
  var to = Walk(from_.load + step.by.load, from_.x + step.by.x, from_.y + step.by.y, from_.offset + step.by.offset);
  let ends_pixel = to.load >= step.loads;
  to.load -= select(0u, step.loads, ends_pixel);
  to.x += u32(ends_pixel);
  to.offset += select(0, step.next_pixel, ends_pixel);
  let ends_row = to.x >= step.across;
  to.x -= select(0u, step.across, ends_row);
  to.y += u32(ends_row);
  to.offset += select(0, step.next_row, ends_row);
  return to;
}
