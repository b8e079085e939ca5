/**
 * Converts images stored plane by plane, as `[n, c, h, w]`.
 *
 * @module
 */

/**
 * Writes one image of `[c, h, w]` as `[h, w, c]`.
 *
 * @param planes u8, `[c, h, w]`
 * @param channels c
 * @param into as long as `planes`
 */
export function toChannelsLast(planes: Uint8Array, channels: number, into: Uint8Array): void {
  const pixels = planes.length / channels;
  let from = 0;
  for (let channel = 0; channel < channels; channel++) {
    const end = channel + pixels * channels;
    for (let at = channel; at < end; at += channels) into[at] = planes[from++]!;
  }
}
