/**
 * Rounding of exact sums in the references.
 *
 * @module
 */

const fround = Math.fround;

/** Rounds an integer of up to 64 bits to f32 as kernels do (int64.wgsl): one 32-bit word after the other. */
export function float64(n: bigint | number): number {
  const magnitude = n < 0 ? -n : n;
  const [high, low] = typeof magnitude === "bigint"
    ? [Number(magnitude >> 32n), Number(magnitude & 0xffffffffn)]
    : [Math.floor(magnitude / 2 ** 32), magnitude % 2 ** 32];
  const f = fround(fround(fround(high) * 2 ** 32) + fround(low));
  return n < 0 ? -f : f;
}
