/**
 * Settings of `quantize` that are right by themselves and wrong together.
 *
 * @module
 */
import type { QuantizeSpec } from "./types.ts";

/** What is wrong: where, and what was expected there. */
export interface Misfit {
  /** Below `quantize`. */
  readonly path: readonly (string | number)[];
  /** What a right value looks like. */
  readonly message: string;
}

const CLASSES = ["weights", "activations", "gradients"] as const;

/** All that does not fit. */
export function checkQuantizeFields(q: QuantizeSpec): Misfit[] {
  const found: Misfit[] = [];
  const add = (path: Misfit["path"], message: string) => void found.push({ path, message });
  if (q.arithmetic === "float32") return found; // It ignores the rest.
  const int8 = q.arithmetic === "int8";
  for (const name of CLASSES) {
    const maps = [
      { path: [name], own: q[name] as Settings },
      ...q.layers.flatMap((layer, i) =>
        layer[name] ? [{ path: ["layers", i, name], own: layer[name] as Settings }] : []
      ),
    ];
    for (const { path, own } of maps) {
      if (path.length === 1 && own.estimator === "fixed" && !own.range) {
        add([...path, "range"], "[low, high], as the estimator is fixed");
      }
      if (!int8) continue;
      if ((own.bits ?? 0) > 8) {
        add([...path, "bits"], "at most 8 with arithmetic: int8; more bits need simulated");
      }
      if (own.estimator === "none") {
        add(
          [...path, "estimator"],
          `an estimator, as int8 quantizes every class of tensors; to leave ${name} as they are, ` +
            "use arithmetic: simulated",
        );
      }
    }
  }
  return found;
}

interface Settings {
  readonly bits?: number;
  readonly estimator?: string;
  readonly range?: readonly number[];
}
