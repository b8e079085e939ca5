import { firstOf } from "../include/quantize.simd";
import { WeightSums } from "../include/records.simd";

/**
 * Sums of weight codes: per output, a part is a range of quads of outputs; then per phase of the stride
 * and input, a part is a range of quads of inputs. 16 codes are 4 outputs × 4 inputs (packed_index.ts).
 */
export function weight_sums(c: WeightSums, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const quads = phase == 0 ? c.OQ : c.IQ;
  const first = firstOf(quads, part, parts), last = firstOf(quads, part + 1, parts);
  if (phase == 0) sumInputs(c, first, last);
  else if (c.BACKWARD) sumOutputs(c, first, last);
}

function sumInputs(c: WeightSums, first: i32, last: i32): void {
  const rows = c.KH * c.KW * c.IQ, OQ = c.OQ;
  memory.fill(c.forward_sum + <usize>(16 * first), 0, 16 * (last - first));
  for (let row: i32 = 0; row < rows; row++) {
    let from = c.forward + <usize>(16 * (row * OQ + first)), to = c.forward_sum + <usize>(16 * first);
    for (const end = to + <usize>(16 * (last - first)); to < end; to += 16, from += 16) {
      const pairs = i16x8.extadd_pairwise_i8x16_s(v128.load(from));
      v128.store(to, i32x4.add(v128.load(to), i32x4.extadd_pairwise_i16x8_s(pairs)));
    }
  }
}

function sumOutputs(c: WeightSums, first: i32, last: i32): void {
  const OQ = c.OQ, IQ = c.IQ, SH = c.SH, SW = c.SW;
  for (let phase: i32 = 0; phase < SH * SW; phase++) {
    const py = phase / SW, px = phase % SW;
    for (let i = first; i < last; i++) {
      let sum = i32x4.splat(0);
      for (let ky = (py + c.PH) % SH; ky < c.KH; ky += SH) {
        for (let kx = (px + c.PW) % SW; kx < c.KW; kx += SW) {
          let from = c.forward + <usize>(16 * ((ky * c.KW + kx) * IQ + i) * OQ);
          for (const end = from + <usize>(16 * OQ); from < end; from += 16) {
            const codes = v128.load(from);
            const two = i16x8.add(i16x8.extend_low_i8x16_s(codes), i16x8.extend_high_i8x16_s(codes));
            sum = i32x4.add(sum, i32x4.add(i32x4.extend_low_i16x8_s(two), i32x4.extend_high_i16x8_s(two)));
          }
        }
      }
      v128.store(c.backward_sum + <usize>(16 * (phase * IQ + i)), sum);
    }
  }
}
