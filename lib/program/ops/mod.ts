/**
 * Every type of layer. Adding an op means a file beside this one and a line here.
 *
 * @module
 */
import type { LayerSpec } from "../../recipe/layers.ts";
import { activation } from "./activation.ts";
import { residual } from "./add.ts";
import { conv2d, linear } from "./conv.ts";
import { dropout } from "./dropout.ts";
import type { LayerType } from "./node.ts";
import { batchNorm } from "./norm.ts";
import { globalAvgPool, pool } from "./pool.ts";

const LAYER_TYPES: { readonly [T in LayerSpec["type"]]: LayerType<LayerSpec & { type: T }> } = {
  conv2d,
  linear,
  batch_norm: batchNorm,
  relu: activation("relu"),
  relu6: activation("relu6"),
  max_pool: pool,
  avg_pool: pool,
  global_avg_pool: globalAvgPool,
  dropout,
  residual,
};

/** How a layer becomes a node. */
export function layerType({ type }: LayerSpec): LayerType<LayerSpec> {
  return LAYER_TYPES[type];
}

/** Layers at the end of the self-test's network: those of types that ask for it. */
export const SELF_TESTED: readonly LayerSpec[] = Object.values(LAYER_TYPES).flatMap(
  ({ selfTest }: Pick<LayerType<LayerSpec>, "selfTest">) => selfTest ?? [],
);
