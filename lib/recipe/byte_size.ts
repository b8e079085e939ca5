/**
 * `memory`: how much the device's buffers may add up to.
 *
 * @module
 */
import * as z from "./zod.ts";

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const SIZE = /^(\d+(?:\.\d+)?)\s*([kKmMgG][iI]?)?[bB]$/;
const EXPECTED = "an amount of memory such as 64MiB, 64MB or 1.5GiB, a number of bytes, or 0 for " +
  "no limit";

/** Bytes; text becomes a number. */
export const memory = z.union([
  z.int(EXPECTED).min(0, EXPECTED),
  z.string(EXPECTED).regex(SIZE, EXPECTED),
], EXPECTED).meta({ examples: ["64MiB", "1.5GiB"] }).transform((value): number => {
  if (typeof value === "number") return value;
  const [, amount, prefix = ""] = SIZE.exec(value)!;
  return Math.floor(Number(amount) * UNITS[`${prefix}b`.toLowerCase()]!);
});
