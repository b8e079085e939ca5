// Written by `deno task simd` from the descriptors of kernels.

import { ConvBackwardInput, ConvBackwardWeight, ConvForward, NormForward } from "./include/records.simd";
import { conv_backward_input } from "./conv_backward_input/simd";
import { conv_backward_weight } from "./conv_backward_weight/simd";
import { conv_forward } from "./conv_forward/simd";
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
      conv_backward_input(changetype<ConvBackwardInput>(record), phase, part, parts, scratch);
      break;
    case 1:
      conv_backward_weight(changetype<ConvBackwardWeight>(record), phase, part, parts, scratch);
      break;
    case 2:
      conv_forward(changetype<ConvForward>(record), phase, part, parts, scratch);
      break;
    case 3:
      norm_forward(changetype<NormForward>(record), phase, part, parts, scratch);
      break;
  }
}
