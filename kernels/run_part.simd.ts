// Written by `deno task simd` from the descriptors of kernels.

import { NormForward } from "./include/records.simd";
import { norm_forward } from "./norm_forward/simd";

export function runPart(
  kernel: i32,
  record: usize,
  phase: i32,
  part: i32,
  parts: i32,
  scratch: usize,
): void {
  switch (kernel) {
    case 0:
      norm_forward(changetype<NormForward>(record), phase, part, parts, scratch);
      break;
  }
}
