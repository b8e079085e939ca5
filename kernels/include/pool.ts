/**
 * Windows of pooling layers, for the references of their kernels.
 *
 * @module
 */

/** Constants of pooling kernels. */
export interface PoolConstants {
  readonly INT8: number;
  readonly V: number;
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly HO: number;
  readonly WO: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
}

/** Calls `each` with every output pixel and the input pixels of its window, in row order. */
export function windows(
  c: PoolConstants,
  each: (output: number, inputs: readonly number[]) => void,
): void {
  for (let output = 0; output < c.N * c.HO * c.WO; output++) {
    const image = Math.floor(output / (c.HO * c.WO));
    const top = Math.floor(output / c.WO) % c.HO * c.SH - c.PH;
    const left = output % c.WO * c.SW - c.PW;
    const inputs: number[] = [];
    for (let y = Math.max(top, 0); y < Math.min(top + c.KH, c.H); y++) {
      for (let x = Math.max(left, 0); x < Math.min(left + c.KW, c.W); x++) {
        inputs.push((image * c.H + y) * c.W + x);
      }
    }
    each(output, inputs);
  }
}
