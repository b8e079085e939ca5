/**
 * Tests whether two tilings of a step give the same bits on an adapter. They should on every adapter;
 * this catches a driver that fuses a product and a sum in one of them, or miscompiles one of them.
 *
 * @module
 */
import { type Bound, boundBuffers, type Step } from "../../program/program.ts";
import { QUANTIZER, wordsOf } from "../../quant/layouts.ts";
import type { GpuExecutor } from "./executor.ts";

/** Maximum bytes of a buffer that are filled; the rest stays 0. */
const MAX_FILLED = 4 * 2 ** 20;
/** A scale with which most outputs are not clipped, and a zero point. */
const SCALE = 2 ** -10, ZERO = 3;

/**
 * Runs both on the same noise and compares the buffers that they write. Overwrites the step's buffers.
 * Buffers with one value per tile are not compared: they follow from values that are. What follows from
 * other values that the step reads is computed from them: unsigned dot products rely on the sums of codes
 * of weights.
 *
 * @param steps the program's
 */
export async function tilesAgree(
  executor: GpuExecutor,
  a: Step,
  b: Step,
  steps: readonly Step[],
): Promise<boolean> {
  const own = boundBuffers(a);
  const compared = own.filter(({ access, byTile, scratch }) =>
    access === "write" && !byTile && !scratch
  ).map(({ name }) => name);
  const before = steps.filter((step) => {
    const uses = (access: Bound["access"]) =>
      boundBuffers(step).some((bound) =>
        bound.access === access && !bound.shared &&
        own.some(({ name, access }) => access === "read" && name === bound.name)
      );
    return uses("read") && uses("write");
  });
  await executor.ready(before);
  const filled = new Map(
    [...before, a].flatMap(boundBuffers).filter(({ access }) => access !== "uniform")
      .map(({ name, variable }) => [name, variable]),
  );
  const run = async (step: Step) => {
    for (const [name, variable] of filled) {
      const size = Math.min(executor.sizeOf(name), MAX_FILLED);
      executor.write(name, variable === "quantizers" ? rows(size / 4) : noise(size / 4));
    }
    executor.run([...before, step]);
    return await executor.read(compared);
  };
  const [of, other] = [await run(a), await run(b)];
  return of.every((bytes, i) => bytes.every((byte, n) => byte === other[i]![n]));
}

/** Returns f32 values in [−1, 1), whose bytes are also codes of every value. */
function noise(words: number): Float32Array<ArrayBuffer> {
  return new Float32Array(words).map((_, i) => {
    let h = Math.imul(i + 1, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    return ((h ^ (h >>> 16)) >> 8) * 2 ** -23;
  });
}

/** Returns a table of quantizers. */
function rows(words: number): Float32Array<ArrayBuffer> {
  const table = new Float32Array(words), memory = wordsOf(table);
  const row = { scale: SCALE, inverse: 1 / SCALE, zero: ZERO, qmin: -128, qmax: 127 };
  for (let at = 0; at < Math.floor(words / QUANTIZER.words); at++) {
    QUANTIZER.write(memory, at, { ...row, low: -1, high: 1, rateFactor: 1 });
  }
  return table;
}
