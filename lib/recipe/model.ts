/**
 * `model`: a network by name, or a list of layers.
 *
 * @module
 */
import { integer, map, MAX_SIZE, word } from "./fields.ts";
import { branchesOf, layerList, type LayerSpec } from "./layers.ts";
import * as z from "./zod.ts";

/** A network that has a name. */
export type ZooName =
  | "cnn"
  | "mlp"
  | "resnet8"
  | "resnet20"
  | "resnet18"
  | "vgg16"
  | "mobilenet-v2";

/**
 * Which form of a network's first or last layers: `imagenet`, the paper's for 224×224; `small`, the
 * usual one for small images; `auto`: `small` for images of at most 64×64.
 */
export type Variant = "auto" | "imagenet" | "small";

/** A network of the zoo. */
export interface ZooSpec {
  /** The network. */
  readonly name: ZooName;
  /** Channels of the first convolution (`mlp`: of a hidden layer). */
  readonly width: number;
  /** `resnet18`, `mobilenet-v2`: form of the first layers. */
  readonly stem?: Variant;
  /** `vgg16`: form of the last layers. */
  readonly head?: Variant;
}

/** A network of the zoo by name, or a list of layers. */
export type ModelSpec =
  | ZooSpec
  | { readonly layers: readonly LayerSpec[] };

/** The path of the first name that a layer before it has too. */
function repeatedName(
  layers: readonly LayerSpec[],
  path: PropertyKey[],
  seen: Set<string> = new Set(),
): PropertyKey[] | undefined {
  for (const [i, layer] of layers.entries()) {
    const at = [...path, i];
    if (layer.name !== undefined) {
      if (seen.has(layer.name)) return [...at, "name"];
      seen.add(layer.name);
    }
    for (const [key, branch] of branchesOf(layer)) {
      const below = repeatedName(branch, [...at, key], seen);
      if (below) return below;
    }
  }
  return undefined;
}

/** The networks that have a name: the width that each has unless told, and what else it takes. */
const ZOO: Readonly<Record<ZooName, { readonly width: number; readonly takes?: "stem" | "head" }>> =
  {
    cnn: { width: 32 },
    mlp: { width: 256 },
    resnet8: { width: 16 },
    resnet20: { width: 16 },
    resnet18: { width: 64, takes: "stem" },
    vgg16: { width: 64, takes: "head" },
    "mobilenet-v2": { width: 32, takes: "stem" },
  };
const ZOO_NAMES = Object.keys(ZOO) as ZooName[];
const MODEL = `a map with name (${ZOO_NAMES.slice(0, -1).join(", ")} or ${
  ZOO_NAMES.at(-1)
}) or layers`;
const variant = () => word("auto", "imagenet", "small").optional();

/** `model`. */
export const model = map({
  name: word(...ZOO_NAMES).optional(),
  width: integer(1, MAX_SIZE).optional(),
  stem: variant(),
  head: variant(),
  layers: layerList().optional(),
}, MODEL).transform((v, context): ModelSpec => {
  const refuse = (path: PropertyKey[], message: string): typeof z.NEVER => {
    context.issues.push({ code: "custom", input: v, path, message });
    return z.NEVER;
  };
  const { name, layers } = v;
  if (layers !== undefined) {
    if (name !== undefined) return refuse(["layers"], "no layers beside name");
    for (const key of ["width", "stem", "head"] as const) {
      if (v[key] !== undefined) return refuse([key], `no ${key} beside layers`);
    }
    const twice = repeatedName(layers, ["layers"]);
    if (twice) return refuse(twice, "a name that no layer before it has");
    return { layers };
  }
  if (name === undefined) return refuse([], MODEL);
  const { width, takes } = ZOO[name];
  for (const key of ["stem", "head"] as const) {
    if (v[key] === undefined || key === takes) continue;
    const have = ZOO_NAMES.filter((other) => ZOO[other].takes === key).join(" and ");
    return refuse(
      [key],
      `no ${key} beside ${name} (${have} ${have.includes(" ") ? "have" : "has"} one)`,
    );
  }
  return { name, width: v.width ?? width, ...(takes ? { [takes]: v[takes] ?? "auto" } : {}) };
});
