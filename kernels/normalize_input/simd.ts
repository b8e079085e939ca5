import { count, firstOf, quantizer } from "../include/quantize.simd";
import { NormalizeInput, Quantizer, Slot, SLOTS } from "../include/records.simd";

/** Bytes of the table of a channel: a word for each of 256 values. */
const TABLE: usize = 1024;

/**
 * Pixels → the network's input tensor. A channel has 256 values only, so a part, a range of pixels, looks
 * them up in a table that it makes first.
 */
export function normalize_input(c: NormalizeInput, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const first = firstOf(c.PIXELS, part, parts), last = firstOf(c.PIXELS, part + 1, parts);
  const bad = fillTables(c, scratch);
  if (!c.INT8 || !c.STORE) lookUpReal(c, first, last, scratch);
  else if (c.CHANNELS == 1) lookUpCodes(c, first, last, scratch, 1);
  else if (c.CHANNELS == 3) lookUpCodes(c, first, last, scratch, 3);
  else lookUpCodes(c, first, last, scratch, c.CHANNELS);
  if (bad && c.STORE) countBad(c, first, last);
}

/** Stores a pixel's codes at once: the tables hold them at their places in a word. */
@inline
function lookUpCodes(c: NormalizeInput, first: i32, last: i32, tables: usize, channels: i32): void {
  let from = c.pixels + <usize>(first * channels), to = c.x + (<usize>first << 2);
  for (const end = c.x + (<usize>last << 2); to < end; to += 4) {
    let word = load<u32>(tables + (<usize>load<u8>(from++) << 2));
    if (channels > 1) word |= load<u32>(tables + (<usize>load<u8>(from++) << 2), TABLE);
    if (channels > 2) word |= load<u32>(tables + (<usize>load<u8>(from++) << 2), 2 * TABLE);
    if (channels > 3) word |= load<u32>(tables + (<usize>load<u8>(from++) << 2), 3 * TABLE);
    store<u32>(to, word);
  }
}

function lookUpReal(c: NormalizeInput, first: i32, last: i32, tables: usize): void {
  const channels = c.CHANNELS, padding = c.STORE ? paddedReal(c) : 0;
  let from = c.pixels + <usize>(first * channels), to = c.x + (<usize>first << 4);
  for (let pixel = first; pixel < last; pixel++, to += 16) {
    v128.store(to, f32x4.splat(padding));
    for (let channel: i32 = 0; channel < channels; channel++) {
      const at = <usize>(256 * channel + load<u8>(from++)) << 2;
      store<f32>(to + (<usize>channel << 2), load<f32>(tables + at));
    }
  }
}

/** The real value of a byte of a channel. */
@inline
function realOf(c: NormalizeInput, channel: i32, byte: i32): f32 {
  const at = c.affine + (<usize>channel << 2);
  return <f32>byte * load<f32>(at) + load<f32>(at, 16);
}

/** The code of a real value, as f32. */
@inline
function codeOf(v: f32, z: Quantizer): f32 {
  return min(max(nearest(v * z.inverse) + z.zero, z.qmin), z.qmax);
}

/** What padded channels hold where real values are stored. */
function paddedReal(c: NormalizeInput): f32 {
  const z = quantizer(c.quantizers, c.X_ROW);
  return (codeOf(0, z) - z.zero) * z.scale;
}

/**
 * Makes the tables of the channels: real values, or codes at the channel's place in a word, and in the first
 * table also those of padded channels. Returns whether a value is not finite.
 */
function fillTables(c: NormalizeInput, tables: usize): bool {
  const z = quantizer(c.quantizers, c.X_ROW), zero = <u32><u8><i32>codeOf(0, z);
  let bad = false, padding: u32 = 0;
  for (let channel = c.CHANNELS; channel < 4; channel++) padding |= zero << (8 * channel);
  for (let channel: i32 = 0; channel < c.CHANNELS; channel++) {
    for (let byte: i32 = 0; byte < 256; byte++, tables += 4) {
      const v = realOf(c, channel, byte);
      bad = bad || v - v != 0;
      if (!c.STORE) {
        store<f32>(tables, v);
        continue;
      }
      const code = codeOf(v, z);
      if (!c.INT8) store<f32>(tables, (code - z.zero) * z.scale);
      // A NaN is stored as 0.
      else store<u32>(tables, (<u32><u8>(code == code ? <i32>code : 0) << (8 * channel)) | padding);
    }
    padding = 0;
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
