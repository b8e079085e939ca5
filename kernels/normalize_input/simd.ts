import { count, firstOf, quantizer } from "../include/quantize.simd";
import { NormalizeInput, Slot, SLOTS } from "../include/records.simd";

/** Bytes of the table of a channel: 256 values as f32. */
const TABLE: usize = 1024;

/**
 * Pixels → the network's input tensor. A channel has 256 values only, so a part, a range of pixels, looks
 * them up in a table that it makes first.
 */
export function normalize_input(c: NormalizeInput, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const channels = c.CHANNELS, bad = fillTables(c, scratch), isCode = c.INT8 != 0 && c.STORE != 0;
  const first = firstOf(c.PIXELS, part, parts), last = firstOf(c.PIXELS, part + 1, parts);
  let from = c.pixels + <usize>(first * channels);
  for (let pixel = first; pixel < last; pixel++) {
    let to = c.x + (isCode ? <usize>pixel << 2 : <usize>pixel << 4), table = scratch;
    for (let channel: i32 = 0; channel < 4; channel++, table += TABLE) {
      const byte = channel < channels ? <usize>load<u8>(from++) : 0, at = table + (byte << 2);
      if (isCode) {
        store<i8>(to, load<i8>(at));
        to++;
      } else {
        store<f32>(to, load<f32>(at));
        to += 4;
      }
    }
  }
  if (bad && c.STORE) countBad(c, first, last);
}

/** The real value of a byte of a channel; of a padded channel it is 0. */
@inline
function realOf(c: NormalizeInput, channel: i32, byte: i32): f32 {
  if (channel >= c.CHANNELS) return 0;
  const at = c.affine + (<usize>channel << 2);
  return <f32>byte * load<f32>(at) + load<f32>(at, 16);
}

/** Makes the tables of four channels: codes as i32, or real values. Returns whether one is not finite. */
function fillTables(c: NormalizeInput, tables: usize): bool {
  const z = quantizer(c.quantizers, c.X_ROW);
  let bad = false;
  for (let channel: i32 = 0; channel < 4; channel++) {
    for (let byte: i32 = 0; byte < 256; byte++, tables += 4) {
      const v = realOf(c, channel, byte);
      bad = bad || v - v != 0;
      if (!c.STORE) {
        store<f32>(tables, v);
        continue;
      }
      const code = min(max(nearest(v * z.inverse) + z.zero, z.qmin), z.qmax);
      if (c.INT8) store<i32>(tables, <i32>code);
      else store<f32>(tables, (code - z.zero) * z.scale);
    }
  }
  return bad;
}

/** Counts values that are not finite. */
function countBad(c: NormalizeInput, first: i32, last: i32): void {
  let bad: i32 = 0;
  for (let pixel = first; pixel < last; pixel++) {
    for (let channel: i32 = 0; channel < c.CHANNELS; channel++) {
      const v = realOf(c, channel, load<u8>(c.pixels + <usize>(pixel * c.CHANNELS + channel)));
      if (v - v != 0) bad++;
    }
  }
  const row = c.statistics + <usize>(c.X_ROW * SLOTS) * offsetof<Slot>();
  count(row + offsetof<Slot>("nonfinite"), bad);
}
