/**
 * Asks a GPU for known answers: a small network that uses every kernel, in int8 and in float32,
 * walked in lockstep with the references. Takes a few seconds.
 *
 * Passing means that a kernel is right for the shapes tried, which have ragged edges; it does not
 * mean that the adapter is stable.
 *
 * @module
 */
import { type GpuOptions, openGpu } from "../gpu/device.ts";
import { GpuExecutor } from "../gpu/executor.ts";
import type { Program, Step } from "../program.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { estimators } from "../quant/estimators.ts";
import { Scheduler } from "../quant/scheduler.ts";
import { key, ROW_BYTES } from "../quant/statistics.ts";
import { CpuExecutor } from "../cpu/executor.ts";
import type { LayerInput, RecipeInput } from "../recipe/input.ts";
import { resolveRecipe } from "../recipe/load.ts";
import { type Difference, lockstep } from "./lockstep.ts";
import { fromNamed } from "./parameters.ts";
import { plan } from "./plan.ts";

/** How a kernel compares with its reference. */
export interface KernelCheck {
  /** Its name: kernels/NAME.wgsl. */
  readonly kernel: string;
  /** The arithmetic it was compiled for. */
  readonly arithmetic: Program["arithmetic"];
  /** `equal` in every bit; `close` within {@link BOUNDS}; else `wrong`. */
  readonly result: "equal" | "close" | "wrong";
  /** What differs most: bytes (codes), words (integers), or f32 (floats). */
  readonly type: Difference["type"];
  /** The largest difference: in codes, in units, or relative to the largest value. */
  readonly largest: number;
}

/** Largest differences that another driver's rounding explains. */
export const BOUNDS = {
  /** Next to a rounding tie. */
  codes: 1,
  /** Sums of integers are exact everywhere. */
  integers: 0,
  /** Relative to the largest value of the tensor. */
  floats: 1e-5,
  /** Units in the last place of an f32 extreme; also clipped values next to the range's end. */
  statistics: 16,
} as const;

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
  // Two gradients that meet with no kernel between them.
  { type: "residual", body: ["relu"] },
  { type: "avg_pool", kernel: 2, stride: 1 },
  "batch_norm",
  "dropout",
  { type: "linear", features: CLASSES },
];

/**
 * Steps of one kernel that are asked of the GPU. Drivers compile at the first dispatch, and every
 * layer is a compilation: all of them took 24 s on llvmpipe, these take 8 s (2 s from its cache).
 */
const MOST_STEPS: Readonly<Record<string, number>> = {
  conv_forward: 3,
  conv_backward_input: 3,
  conv_backward_weight: 2,
  clip_search: 3, // Its first moves differ.
};

const BATCH = 7;

interface Trial {
  readonly layers: readonly LayerInput[];
  readonly quantize: NonNullable<RecipeInput["quantize"]>;
  readonly telemetry?: "full";
  /** Of `train`, besides the batch. */
  readonly train?: NonNullable<RecipeInput["train"]>;
  /** Micro-batches of a step; the one that is asked follows on others. */
  readonly micros?: number;
  /** Kernels that the GPU is asked; all where there is no list. */
  readonly only?: readonly string[];
}

/** A block is enough for the kernels that quantize in a second pass. */
const BLOCK: readonly LayerInput[] = [
  { type: "conv2d", channels: 5, kernel: 3, padding: 1, bias: false },
  "batch_norm",
  "relu",
  { type: "linear", features: CLASSES },
];

/** What ends a step with AdamW, clipped gradients and averaged weights. */
const ENDING: Pick<Trial, "layers" | "train" | "only"> = {
  layers: BLOCK,
  train: { optimizer: { name: "adamw" }, clip_norm: 0.01, ema: 0.9, label_smoothing: 0.1 },
  only: [
    "adamw",
    "average_weights",
    "clip_factor",
    "exchange_weights",
    "softmax_cross_entropy",
    "square_sums",
  ],
};

const TRIALS: readonly Trial[] = [
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
    only: ["clip_search", "error_total", "estimate", "quantization_error", "quantize_real"],
  },
  {
    layers: BLOCK,
    quantize: { arithmetic: "int8", gradients: { estimator: "current-minmax" } },
    micros: 2,
    only: [
      "clear_extremes",
      "norm_backward_coefficients",
      "softmax_cross_entropy",
      "weight_gradient",
    ],
  },
  {
    layers: BLOCK,
    quantize: { arithmetic: "simulated", weights: { per_channel: true } },
    only: ["channel_range", "pack_weights", "norm_forward"],
  },
  { ...ENDING, quantize: { arithmetic: "int8" } },
  { layers: LAYERS, quantize: { arithmetic: "float32" } },
  { ...ENDING, quantize: { arithmetic: "float32" } },
];

/**
 * Runs the self-test on the GPU that `openGpu` opens.
 *
 * @returns a line for each kernel and arithmetic, in the order in which a step meets them
 * @throws DeviceError when there is no adapter, or it refuses a kernel
 */
export async function selfTest(options: GpuOptions = {}): Promise<KernelCheck[]> {
  const checks = new Map<string, KernelCheck>();
  for (const trial of TRIALS) {
    const recipe = resolveRecipe({
      data: { format: "idx", root: "none" },
      model: { layers: trial.layers },
      quantize: trial.quantize,
      train: {
        batch: BATCH * (trial.micros ?? 1),
        micro_batch: BATCH,
        ...trial.train,
        optimizer: { nesterov: true, ...trial.train?.optimizer },
      },
      telemetry: trial.telemetry ?? "basic",
    });
    const half = Array<number>(IMAGE[2]).fill(0.5);
    const { program } = plan(recipe, { shape: IMAGE, classes: CLASSES, mean: half, std: half });
    await check(program, trial.only, options, checks);
  }
  return [...checks.values()];
}

async function check(
  program: Program,
  only: readonly string[] | undefined,
  options: GpuOptions,
  checks: Map<string, KernelCheck>,
): Promise<void> {
  const cpu = new CpuExecutor(program.buffers);
  fill(program, cpu);
  const { arithmetic, sections: s } = program;
  const all = [
    ...s.weights,
    ...s.forward,
    ...s.loss,
    ...s.backward,
    ...s.update,
    ...s.schedule,
    ...s.exchange,
    ...s.calibrate,
  ];
  // What the GPU is not asked it need not compile.
  const asks = (step: Step) => only?.includes(step.kernel) ?? true;
  const none: Program["sections"] = {
    forward: [],
    loss: [],
    backward: [],
    update: [],
    schedule: [],
    weights: [],
    exchange: [],
    calibrate: [],
  };
  const sections = { ...none, forward: all.filter(asks) };
  const gpu = await GpuExecutor.create(await openGpu(options), { ...program, sections });
  try {
    const each = (difference: Difference) => {
      const { step: { kernel }, type, largest } = difference;
      const found = { kernel, arithmetic, result: judge(difference, arithmetic), type, largest };
      const id = `${arithmetic} ${kernel}`, before = checks.get(id);
      if (!before || badness(found) > badness(before)) checks.set(id, found);
    };
    const times = new Map<string, number>();
    for (const step of all) {
      const before = times.get(step.kernel) ?? 0;
      times.set(step.kernel, before + 1);
      const wanted = asks(step) && before < (MOST_STEPS[step.kernel] ?? 1);
      if (wanted) await lockstep(program, [step], cpu, gpu, each);
      else cpu.run([step]);
    }
  } finally {
    gpu.close();
  }
}

function judge(
  { variable, type, largest, differing, step }: Difference,
  arithmetic: Program["arithmetic"],
): KernelCheck["result"] {
  if (differing === 0) return "equal";
  // A code off by one, as the real value that it stands for.
  if (arithmetic === "simulated" && step.constants.STORE === 1 && type === "floats") {
    return largest <= BOUNDS.codes / 100 ? "close" : "wrong";
  }
  const bound = variable === "statistics" ? BOUNDS.statistics : BOUNDS[type];
  return largest <= bound ? "close" : "wrong";
}

function badness({ result, largest }: KernelCheck): number {
  return ["equal", "close", "wrong"].indexOf(result) + largest / (1 + largest) / 2;
}

/** Fills a program's memory with made-up weights, images and ranges: always the same ones. */
function fill(program: Program, cpu: CpuExecutor): void {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const at = (name: string) => cpu.memory.get(name)!;
  for (const spec of program.parameters) {
    const [, inputs, h, w] = spec.dims;
    const spread = spec.role === "weight" ? 2 / Math.sqrt(inputs * h * w) : 1;
    const values = fromNamed(spec, (_, shape) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return Float32Array.from({ length }, () => (2 * random() - 1) * spread);
    });
    cpu.write(spec.name, values);
    for (const [kept, most] of [["second", 1e-3], ["average", 1]] as const) {
      const buffer = cpu.memory.get(`${spec.name}.${kept}`)?.f32;
      values.forEach((v, n) => buffer && (buffer[n] = v === 0 ? 0 : random() * most));
    }
    if (spec.quantizer === undefined) continue;
    const words = at("statistics").u32, row = spec.quantizer * ROW_BYTES / 4;
    words[row] = ~key(Math.min(...values)) >>> 0;
    words[row + 1] = key(Math.max(...values));
  }
  for (const { layer } of program.norms) {
    const running = at(`${layer}.running`).f32;
    running.fill(1, running.length / 2);
  }
  at("pixels").bytes.forEach((_, i, all) => all[i] = random() * 256);
  at("labels").u32.forEach((_, i, all) => all[i] = random() * program.classes);
  at("normalization").f32.fill(2 / 255, 0, program.input[2]).fill(-1, 4, 4 + program.input[2]);
  // Seed, step, images that count (the last is filling) and that came before; the learning rate.
  const step = at("step");
  step.u32.set([7, 3, BATCH - 1, (program.micros - 1) * BATCH]);
  step.f32.set([0.05, 1], 4);
  step.u32.set([program.micros * BATCH - 1], 6);
  // Smoothing, and the corrections of averages that began four steps ago.
  step.f32.set([program.training.smoothing, 2.9, 16], 7);
  if (program.quantizers.length === 0) return;
  const rules = program.quantizers.map(({ role, settings }) =>
    role === "weight" ? undefined : (estimators as EstimatorMakers)[settings.estimator]!(settings)
  );
  const scheduler = new Scheduler(program.quantizers, rules, true);
  program.quantizers.forEach((q, row) => {
    // Narrow enough that some values are clipped.
    scheduler.setRange(
      row,
      q.role === "gradient" ? { low: -0.02, high: 0.03 } : { low: -1.5, high: 2 },
    );
  });
  at("rules").f32.set(scheduler.rules());
  at("quantizers").f32.set(scheduler.everything().table.data);
}
