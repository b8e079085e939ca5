/**
 * Times whole training steps of a network. The variants take turns, so that a machine whose speed
 * drifts treats them alike, and medians over the rounds count. Batches are loaded as in training, from
 * synthetic images.
 *
 * @module
 */
import { openDataset } from "../data/open.ts";
import { DataLoader } from "../data/loader.ts";
import { type Device, type DeviceOptions, openDevice } from "../runtime/device.ts";
import { hasTimestamps, type Timer } from "../runtime/gpu/timing.ts";
import { parameterCount } from "../program/summary.ts";
import { plan } from "../program/plan.ts";
import type { Program, Step } from "../program/program.ts";
import { resolveRecipe } from "../recipe/load.ts";
import type { ZooName } from "../recipe/model.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { programTraffic } from "../report/program_traffic.ts";
import { median } from "../report/statistics.ts";
import { stepTimer } from "../report/timed_network.ts";
import { Network } from "../train/network/network.ts";
import { selectSteps } from "../program/select_steps.ts";
import { isInputGradient, timedLayers } from "./layers.ts";
import { type ModelSteps, spread, type StepsRow } from "./report.ts";
import type { QuantizeSettings, Variant } from "./variants.ts";
import { measureOverheads, type Overheads, SubmitClock, WaitClock } from "./time_breakdown.ts";

/** The device, and its threads or tiles. */
type DeviceSettings = DeviceOptions & { readonly kind: Device["kind"] };

/** What to time. */
interface StepsOptions {
  readonly device: DeviceSettings;
  readonly model: ZooName;
  readonly batch: number;
  /** Height and width of the images. */
  readonly size: number;
  readonly rounds: number;
  /** The first is the reference of the ratios. */
  readonly variants: readonly Variant[];
  progress(text: string): void;
  /** Asked after each round but the last: whether to stop there. */
  isOver?(): boolean;
}

/**
 * Milliseconds of a round of the first variant. All variants run as many steps, so that as many share
 * a wait.
 */
const ROUND_MS = 1000;
/** Steps of a round; the maximum is what shares a wait with ranges set on the device. */
const MIN_STEPS = 2, MAX_STEPS = 8;
/** Steps on the CPU before the first round, while V8 optimizes the kernels. */
const WARM_STEPS = 3;
/** Batches of an epoch. */
const BATCHES = 4;
const SEED = 1, RATE = 0.01;

/**
 * Times whole steps of a network.
 *
 * @throws DeviceError if there is no GPU or too little memory; RecipeError, ModelError or DataError if
 * the batch or the size does not fit
 */
export async function benchSteps(options: StepsOptions): Promise<ModelSteps> {
  const { model, batch, size, rounds, progress } = options, variants: VariantRun[] = [];
  const name = `steps of ${model}, batch ${batch}, ${size}×${size}`;
  try {
    for (const variant of options.variants) {
      progress(`${name}: setting up ${variant.name}`);
      const { threads } = variant, { device } = options;
      const settings = threads === undefined ? device : { ...device, threads };
      variants.push(
        await VariantRun.open(variant, stepsRecipe(options, variant.quantize), settings),
      );
    }
    const steps = await variants[0]!.stepsARound();
    for (let round = 0; round < rounds; round++) {
      progress(`${name}: round ${round + 1} of ${rounds}, ${steps} steps of each variant`);
      for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
        await variant.round(steps);
      }
      if (round < rounds - 1 && options.isOver?.()) break;
    }
    const [{ program, recipe, data }] = variants as [VariantRun];
    const operations = stepOperations(recipe, program);
    const float32 = variants.find(({ program }) => program.arithmetic === "float32");
    return {
      model,
      batch,
      input: program.input,
      classes: data.classes,
      parameters: parameterCount(program),
      operations,
      variants: variants.map((variant) => variant.row(variants[0]!, float32, operations, steps)),
    };
  } finally {
    for (const variant of variants) variant.close();
  }
}

/** The recipe of a network whose steps are timed, on images of `size` × `size`. */
export function stepsRecipe(
  { model, batch, size }: Pick<StepsOptions, "model" | "batch" | "size">,
  quantize: QuantizeSettings,
): Recipe {
  return resolveRecipe({
    seed: SEED,
    data: { format: "glyphs", size, train: BATCHES * batch, test: 1, workers: 0 },
    model: { name: model },
    train: { batch },
    quantize,
  });
}

/** Multiplications and additions of all convolutions and linear layers in a training step. */
export function stepOperations(recipe: Recipe, program: Program): number {
  const { input: shape, classes, sections } = program;
  const half = Array<number>(shape[2]).fill(0.5);
  const layers = timedLayers(recipe, { shape, classes, mean: half, std: half });
  const backward = new Set(
    sections.backward.filter(isInputGradient).map(({ layer }) => layer),
  );
  const trained = new Set(program.parameters.filter((p) => !p.frozen).map(({ layer }) => layer));
  return layers.reduce((sum, { name, operations }) => {
    const passes = 1 + (trained.has(name) ? 1 : 0) + (backward.has(name) ? 1 : 0);
    return sum + passes * operations;
  }, 0);
}

/** Milliseconds of a step, and their breakdown. */
interface StepTime {
  readonly all: number;
  readonly device: number;
  readonly host: number;
  readonly data: number;
  readonly readback: number;
}

/** A variant that is set up, and its times. */
class VariantRun {
  readonly #rounds: StepTime[] = [];
  /** Steps of the program in a training step, by section. */
  readonly #timed: readonly { readonly section: string; readonly step: Step }[];
  /** Milliseconds of each of `#timed`, by round. */
  readonly #times: number[][] = [];
  #step = 0;
  #overheads: Overheads = { wait: 0, submit: 0 };
  firstStep = 0;

  private constructor(
    readonly variant: Variant,
    readonly recipe: Recipe,
    readonly program: Program,
    readonly data: Awaited<ReturnType<typeof openDataset>>,
    readonly network: Network,
    readonly loader: DataLoader,
    readonly clock: WaitClock,
    readonly submits: SubmitClock | undefined,
    readonly timer: Timer | undefined,
  ) {
    const { quantizers, sections: { exchange: _, ...sections } } = program;
    this.#timed = Object.entries(sections).flatMap(([section, steps]) =>
      selectSteps(steps, quantizers, { phase: "train" }).filter((step) => !step.afterLoad)
        .map((step) => ({ section, step }))
    );
  }

  static async open(
    variant: Variant,
    recipe: Recipe,
    { kind, ...options }: DeviceSettings,
  ): Promise<VariantRun> {
    const began = performance.now();
    const data = await openDataset({ ...recipe, seed: SEED });
    const { program } = plan(recipe, data), device = await openDevice(kind, options);
    const executor = await device.createExecutor(program);
    try {
      const hasClock = !device.gpu || hasTimestamps(device.gpu);
      const timer = hasClock ? stepTimer(device, executor) : undefined;
      const clock = new WaitClock(executor);
      const submits = device.gpu && new SubmitClock(device.gpu.device.queue);
      const network = new Network(program, clock, SEED, recipe.quantize, data);
      const loader = new DataLoader(data, { batch: recipe.train.batch, seed: SEED });
      const run = new VariantRun(
        variant,
        recipe,
        program,
        data,
        network,
        loader,
        clock,
        submits,
        timer,
      );
      network.initialize();
      await network.calibrate([await loader.trainBatch(0)]);
      await run.#steps(1);
      run.firstStep = performance.now() - began;
      if (!device.gpu) await run.#steps(WARM_STEPS);
      run.#overheads = await measureOverheads(executor, submits);
      return run;
    } catch (error) {
      executor.close();
      throw error;
    }
  }

  /** The number of steps that fill a round. */
  async stepsARound(): Promise<number> {
    const { all } = await this.#steps(1);
    return Math.max(MIN_STEPS, Math.min(MAX_STEPS, Math.round(ROUND_MS / all)));
  }

  /** Runs steps as training does, with as many in flight as possible. */
  async #steps(count: number): Promise<StepTime> {
    const { network, clock, submits, loader } = this, began = performance.now();
    let data = 0;
    clock.waited = clock.waits = 0;
    if (submits) submits.spent = submits.submits = 0;
    for (let done = 0; done < count;) {
      const group = Math.min(network.maxInFlight, count - done);
      for (let i = 0; i < group; i++) {
        const asked = performance.now(), batch = await loader.trainBatch(this.#step);
        data += performance.now() - asked;
        await network.submit(batch, this.#step++, RATE);
      }
      await network.collect();
      done += group;
    }
    const all = performance.now() - began;
    const { wait, submit } = this.#overheads;
    const readback = Math.min(clock.waited, clock.waits * wait);
    // The minimum of a submit belongs to the host; the rest is work of a software device.
    const inSubmits = submits ? Math.max(0, submits.spent - submits.submits * submit) : 0;
    const device = inSubmits + clock.waited - readback;
    const each = (ms: number) => ms / count;
    return {
      all: each(all),
      device: each(device),
      host: each(all - device - readback - data),
      data: each(data),
      readback: each(readback),
    };
  }

  async round(steps: number): Promise<void> {
    this.#rounds.push(await this.#steps(steps));
    if (!this.timer) return;
    // Later tensors of the last step may have taken the memory of its input.
    const { images, labels } = await this.loader.trainBatch(this.#step);
    this.clock.write("pixels", images);
    this.clock.write("labels", labels);
    const times = await this.timer.time(this.#timed.map(({ step }) => step));
    this.#times.push(times.map((ns) => ns / 1e6));
  }

  /** Milliseconds by a property of the program's steps: medians over the rounds; null without a timer. */
  #sums(key: (timed: { section: string; step: Step }) => string): Record<string, number> | null {
    if (this.#times.length === 0) return null;
    const sums = new Map<string, number[]>();
    for (const [i, timed] of this.#timed.entries()) {
      const before = sums.get(key(timed)) ?? this.#times.map(() => 0);
      sums.set(key(timed), before.map((ms, round) => ms + this.#times[round]![i]!));
    }
    return Object.fromEntries([...sums].map(([name, rounds]) => [name, median(rounds)]));
  }

  row(
    first: VariantRun,
    float32: VariantRun | undefined,
    operations: number,
    steps: number,
  ): StepsRow {
    const { quantize: q } = this.recipe, { batch } = this.recipe.train, rounds = this.#rounds;
    const typical = (of: (time: StepTime) => number) => median(rounds.map(of));
    const ms = spread(rounds.map((r) => r.all));
    return {
      variant: this.variant.name,
      ...(this.variant.threads === undefined ? {} : { threads: this.variant.threads }),
      arithmetic: q.arithmetic,
      estimator: q.arithmetic === "float32" ? null : q.activations.estimator,
      scheduler: this.network.scheduler.device ? "device" : "host",
      steps_per_round: steps,
      in_flight: Math.min(this.network.maxInFlight, steps),
      ms,
      // The ratio of medians drifts with the machine; the ratio within a round does not.
      ratio: spread(rounds.map(({ all }, i) => all / first.#rounds[i]!.all)),
      device_ms: typical((r) => r.device),
      host_ms: typical((r) => r.host),
      data_ms: typical((r) => r.data),
      readback_ms: typical((r) => r.readback),
      host_share: typical((r) => r.host / r.all),
      kernels_ms: this.#sums(() => "all")?.all ?? null,
      sections_ms: this.#sums(({ section }) => section),
      by_kernel_ms: this.#sums(({ step }) => step.kernel.name),
      images_per_second: batch / ms.median * 1000,
      gop_per_second: operations / ms.median / 1e6,
      first_step_ms: this.firstStep,
      activation_bytes: activationBytes(this.program),
      activation_ratio: float32
        ? activationBytes(this.program) / activationBytes(float32.program)
        : null,
      moved_bytes: batch *
        Object.values(programTraffic(this.program).sections).reduce((a, b) => a + b),
      device_bytes: this.clock.bytes,
    };
  }

  close(): void {
    this.timer?.close();
    this.clock.close();
  }
}

/** Bytes of all stored activations, as if they shared no memory. */
export function activationBytes({ buffers }: Program): number {
  return buffers.filter(({ kind }) => kind === "activation").reduce((n, { bytes }) => n + bytes, 0);
}
