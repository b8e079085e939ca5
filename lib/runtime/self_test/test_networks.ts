/**
 * The networks that an adapter's self-test runs: small, with odd shapes.
 *
 * @module
 */
import type { Kernel } from "../../../kernels/define_kernel.ts";
import { dsgcSearch } from "../../../kernels/dsgc_search/kernel.ts";
import { gradientClipScale } from "../../../kernels/gradient_clip_scale/kernel.ts";
import { gradientNormPartials } from "../../../kernels/gradient_norm_partials/kernel.ts";
import { normBackwardCoefficients } from "../../../kernels/norm_backward_coefficients/kernel.ts";
import { normForward } from "../../../kernels/norm_forward/kernel.ts";
import { packWeights } from "../../../kernels/pack_weights/kernel.ts";
import { perChannelWeightRange } from "../../../kernels/per_channel_weight_range/kernel.ts";
import { quantizationError } from "../../../kernels/quantization_error/kernel.ts";
import { quantizeF32 } from "../../../kernels/quantize_f32/kernel.ts";
import { reduceQuantizationError } from "../../../kernels/reduce_quantization_error/kernel.ts";
import { convBackwardWeight } from "../../../kernels/conv_backward_weight/kernel.ts";
import { resetStatistics } from "../../../kernels/reset_statistics/kernel.ts";
import { softmaxCrossEntropy } from "../../../kernels/softmax_cross_entropy/kernel.ts";
import { swapEma } from "../../../kernels/swap_ema/kernel.ts";
import { updateEma } from "../../../kernels/update_ema/kernel.ts";
import { updateRanges } from "../../../kernels/update_ranges/kernel.ts";
import { OPTIMIZERS, optimizers } from "../../program/optimizers/mod.ts";
import type { Program } from "../../program/program.ts";
import type { LayerInput } from "../../recipe/layers.ts";
import type { RecipeInput } from "../../recipe/recipe.ts";
import { resolveRecipe } from "../../recipe/load.ts";
import { SELF_TESTED } from "../../program/ops/mod.ts";
import { plan } from "../../program/plan.ts";

/** A network with odd shapes that uses every kernel. */
const IMAGE = [9, 11, 3] as const;
const CLASSES = 3;
const LAYERS: readonly LayerInput[] = [
  { type: "conv2d", channels: 5, kernel: 3, padding: 1 },
  "relu6",
  { type: "max_pool", kernel: 3, stride: 2, padding: 1 },
  { type: "conv2d", channels: 5, kernel: 3, padding: 1, groups: 5 },
  { type: "conv2d", channels: 17, kernel: [3, 2], stride: 2, bias: false },
  "batch_norm",
  "relu",
  {
    type: "residual",
    body: [{ type: "conv2d", channels: 17, kernel: 3, padding: 1, bias: false }, "batch_norm"],
  },
  // Two gradients are added with no kernel before the addition.
  { type: "residual", body: ["relu"] },
  { type: "avg_pool", kernel: 2, stride: 1 },
  "batch_norm",
  ...SELF_TESTED,
  { type: "linear", features: CLASSES },
];

/** Images of a batch, or of a micro-batch. */
export const BATCH = 7;

/** A small network that some kernels are tested in. */
interface TestNetwork {
  readonly layers: readonly LayerInput[];
  readonly quantize: NonNullable<RecipeInput["quantize"]>;
  readonly telemetry?: "full";
  /** Settings of the recipe's `train`, without the batch. */
  readonly train?: NonNullable<RecipeInput["train"]>;
  /** Micro-batches of a step; the last one is tested. 1 by default. */
  readonly micros?: number;
  /** Kernels that are tested; all by default. */
  readonly only?: readonly Kernel[];
}

/** A smaller network, enough for the kernels that {@link LAYERS} does not test. */
const BLOCK: readonly LayerInput[] = [
  { type: "conv2d", channels: 5, kernel: 3, padding: 1, bias: false },
  "batch_norm",
  "relu",
  { type: "linear", features: CLASSES },
];

/** Ends of a step: every optimizer but the default, with clipped gradients and averaged weights. */
const ENDINGS: readonly Pick<TestNetwork, "layers" | "train" | "only">[] = OPTIMIZERS
  .filter((name) => name !== "sgd").map((name) => ({
    layers: BLOCK,
    train: { optimizer: { name }, clip_norm: 0.01, ema: 0.9, label_smoothing: 0.1 },
    only: [
      optimizers[name].kernel,
      updateEma,
      gradientClipScale,
      swapEma,
      softmaxCrossEntropy,
      gradientNormPartials,
    ],
  }));

/** Together they test every kernel, in every arithmetic that uses it. */
export const TEST_NETWORKS: readonly TestNetwork[] = [
  {
    layers: LAYERS,
    quantize: {
      arithmetic: "int8",
      layers: [{ match: "conv2", weights: { per_channel: true } }], // The depthwise one.
    },
  },
  {
    layers: BLOCK,
    quantize: {
      arithmetic: "int8",
      scheduler: "device",
      activations: { estimator: "current-minmax" },
      gradients: { estimator: "dsgc", scale_rate: true },
    },
    telemetry: "full",
    only: [
      dsgcSearch,
      reduceQuantizationError,
      updateRanges,
      quantizationError,
      quantizeF32,
    ],
  },
  {
    layers: BLOCK,
    quantize: { arithmetic: "int8", gradients: { estimator: "current-minmax" } },
    micros: 2,
    only: [
      resetStatistics,
      normBackwardCoefficients,
      softmaxCrossEntropy,
      convBackwardWeight,
    ],
  },
  {
    layers: BLOCK,
    quantize: { arithmetic: "simulated", weights: { per_channel: true } },
    only: [perChannelWeightRange, packWeights, normForward],
  },
  ...ENDINGS.map((ending) => ({ ...ending, quantize: { arithmetic: "int8" } as const })),
  { layers: LAYERS, quantize: { arithmetic: "float32" } },
  ...ENDINGS.map((ending) => ({ ...ending, quantize: { arithmetic: "float32" } as const })),
];

/** Returns the networks that test a program of an arithmetic; simulated runs kernels of the others too. */
export function testNetworksOf(arithmetic: Program["arithmetic"]): readonly TestNetwork[] {
  const of = (wanted: Program["arithmetic"]) =>
    TEST_NETWORKS.filter(({ quantize }) => quantize.arithmetic === wanted);
  return arithmetic === "simulated"
    ? [...of("simulated"), ...of("float32"), ...of("int8")]
    : of(arithmetic);
}

/** Plans the program of a test network. */
export function programOf(network: TestNetwork): Program {
  const recipe = resolveRecipe({
    data: { format: "idx", root: "none" },
    model: { layers: network.layers },
    quantize: network.quantize,
    train: {
      batch: BATCH * (network.micros ?? 1),
      micro_batch: BATCH,
      ...network.train,
      optimizer: { nesterov: true, ...network.train?.optimizer },
    },
    telemetry: network.telemetry ?? "basic",
  });
  const half = Array<number>(IMAGE[2]).fill(0.5);
  return plan(recipe, { shape: IMAGE, classes: CLASSES, mean: half, std: half }).program;
}
