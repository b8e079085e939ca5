/**
 * `model`: a network by name, or a list of layers.
 *
 * @module
 */
import { LARGEST, map, whole, word } from "./fields.ts";
import { layerList } from "./layer_schema.ts";
import type { LayerSpec, ZooName } from "./types.ts";
import * as z from "./zod.ts";

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
    if (layer.type !== "residual") continue;
    const below = repeatedName(layer.body, [...at, "body"], seen) ??
      repeatedName(layer.shortcut, [...at, "shortcut"], seen);
    if (below) return below;
  }
  return undefined;
}

/** The networks that have a name, and the width that each has unless the recipe says otherwise. */
const ZOO_WIDTH: Readonly<Record<ZooName, number>> = {
  cnn: 32,
  resnet8: 16,
  resnet18: 64,
  "mobilenet-v2": 32,
};
const ZOO_NAMES = Object.keys(ZOO_WIDTH) as ZooName[];
const MODEL = `a map with name (${ZOO_NAMES.slice(0, -1).join(", ")} or ${
  ZOO_NAMES.at(-1)
}) or layers`;

/** `model`. */
export const model = map({
  name: word(...ZOO_NAMES).optional(),
  width: whole(1, LARGEST).optional(),
  layers: layerList().optional(),
}, MODEL).transform((v, context) => {
  const refuse = (path: PropertyKey[], message: string): typeof z.NEVER => {
    context.issues.push({ code: "custom", input: v, path, message });
    return z.NEVER;
  };
  if (v.layers !== undefined) {
    if (v.name !== undefined) return refuse(["layers"], "no layers beside name");
    if (v.width !== undefined) return refuse(["width"], "no width beside layers");
    const twice = repeatedName(v.layers, ["layers"]);
    if (twice) return refuse(twice, "a name that no layer before it has");
    return { layers: v.layers };
  }
  if (v.name === undefined) return refuse([], MODEL);
  return { name: v.name, width: v.width ?? ZOO_WIDTH[v.name] };
});
