/**
 * A planned network on an executor: its weights, its ranges, and the three things one does with it:
 * a training step, an evaluation, a calibration.
 *
 * @module
 */
import type { Executor } from "../executor.ts";
import { fromNamed, initialValues, type NamedTensor, toNamed } from "../model/parameters.ts";
import type { DataShape } from "../model/plan.ts";
import { type Program, QUANTIZER_BYTES, type Step, STEP_BYTES } from "../program.ts";
import { estimators, fixed } from "../quant/estimator.ts";
import { finite, type Observation, Scheduler } from "../quant/scheduler.ts";
import type { Range } from "../quant/range.ts";
import { key, ROW_BYTES, SLOTS, WORDS_OF_ROW } from "../quant/statistics.ts";
import type { QuantizeSpec } from "../recipe/types.ts";

/** A batch on the host: u8 pixels [n, h, w, c] and labels; `samples` of them count. */
export interface Batch {
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint32Array<ArrayBuffer>;
  readonly samples: number;
}

/** What a step gives back. */
export interface StepResult {
  /** Mean loss over the samples. */
  readonly loss: number;
  /** Samples answered right. */
  readonly correct: number;
  /** Every quantizer's statistics; empty in float32. */
  readonly observations: readonly Observation[];
}

/** Everything that a checkpoint holds of a network. */
export interface NetworkState {
  /** Master weights, biases, norm scales and shifts. */
  readonly parameters: readonly NamedTensor[];
  /** Momentum, by the names of the parameters. */
  readonly velocities: readonly NamedTensor[];
  /** Batch norm's running means and variances. */
  readonly running: readonly NamedTensor[];
  /** By the name of the quantizer. */
  readonly ranges: ReadonlyMap<string, Range>;
}

/** Looks up a tensor of a file; throws when it is missing or has another shape. */
export type Find = (name: string, shape: readonly number[]) => Float32Array;

/** A network ready to train. */
export class Network {
  readonly scheduler: Scheduler;
  readonly #train: readonly Step[];
  readonly #forwardTrain: readonly Step[];
  readonly #evaluate: readonly Step[];
  readonly #tableStart: number;

  constructor(
    readonly program: Program,
    readonly executor: Executor,
    readonly seed: number,
    quantize: QuantizeSpec,
    data: DataShape,
  ) {
    const { sections, quantizers, weightQuantizers } = program;
    const { activations: a, gradients: g } = quantize;
    this.scheduler = new Scheduler(
      quantizers,
      weightQuantizers,
      quantizers.map((q) => {
        if (q.fixed) return fixed(q.fixed);
        const { estimator, momentum } = q.role === "gradient" ? g : a;
        return estimators[estimator]!(momentum);
      }),
    );
    this.#tableStart = weightQuantizers * QUANTIZER_BYTES;
    this.#forwardTrain = sections.forward.filter((s) => s.phase !== "eval");
    this.#evaluate = [...sections.forward.filter((s) => s.phase !== "train"), ...sections.loss];
    this.#train = [
      ...this.#forwardTrain,
      ...sections.loss,
      ...sections.backward,
      ...sections.update,
      ...sections.weights,
    ];
    const affine = new Float32Array(8);
    for (let c = 0; c < program.input[2]; c++) {
      affine[c] = 1 / (255 * data.std[c]!);
      affine[4 + c] = -data.mean[c]! / data.std[c]!;
    }
    executor.write("normalization", affine);
    this.#writeRanges();
  }

  /** Sets first values by the run's seed. */
  initialize(): void {
    this.program.parameters.forEach((spec, i) => {
      const values = initialValues(spec, this.seed, i);
      this.#writeParameter(spec.name, spec.quantizer, values);
      this.executor.write(`${spec.name}.velocity`, new Float32Array(values.length));
    });
    for (const { layer, channels } of this.program.norms) {
      const padded = Math.ceil(channels / 4) * 4;
      this.executor.write(`${layer}.running`, new Float32Array(2 * padded).fill(1, padded));
    }
    this.executor.run(this.program.sections.weights);
  }

  /**
   * Loads weights, momentum and running statistics from a file's tensors, and ranges.
   *
   * @param velocities false: leave momentum at zero (evaluation)
   */
  load(find: Find, ranges: ReadonlyMap<string, Range>, velocities = true): void {
    for (const spec of this.program.parameters) {
      this.#writeParameter(spec.name, spec.quantizer, fromNamed(spec, find));
      if (velocities) {
        const velocity = fromNamed(spec, (name, shape) => find(`velocity.${name}`, shape));
        this.executor.write(`${spec.name}.velocity`, velocity);
      }
    }
    for (const { layer, channels } of this.program.norms) {
      const padded = Math.ceil(channels / 4) * 4;
      const running = new Float32Array(2 * padded).fill(1, padded);
      running.set(find(`${layer}.running_mean`, [channels]));
      running.set(find(`${layer}.running_var`, [channels]), padded);
      this.executor.write(`${layer}.running`, running);
    }
    this.program.quantizers.forEach((q, row) => {
      this.scheduler.setRange(row, ranges.get(q.name));
    });
    this.#writeRanges();
    this.executor.run(this.program.sections.weights);
  }

  /** Reads everything that a checkpoint holds. */
  async state(): Promise<NetworkState> {
    const { parameters, norms, quantizers } = this.program;
    const names = parameters.map((p) => p.name);
    const bytes = await this.executor.read([
      ...names,
      ...names.map((name) => `${name}.velocity`),
      ...norms.map((n) => `${n.layer}.running`),
    ]);
    const values = bytes.map((b) => new Float32Array(b.buffer));
    const ranges = new Map<string, Range>();
    quantizers.forEach((q, row) => {
      const range = this.scheduler.range(row);
      if (range && !q.fixed) ranges.set(q.name, range);
    });
    return {
      parameters: parameters.flatMap((p, i) => toNamed(p, values[i]!)),
      velocities: parameters.flatMap((p, i) => toNamed(p, values[names.length + i]!)),
      running: norms.flatMap(({ layer, channels }, i) => {
        const v = values[2 * names.length + i]!, padded = Math.ceil(channels / 4) * 4;
        const shape = [channels];
        return [
          { name: `${layer}.running_mean`, shape, data: v.slice(0, channels) },
          { name: `${layer}.running_var`, shape, data: v.slice(padded, padded + channels) },
        ];
      }),
      ranges,
    };
  }

  /** Submits one training step; {@link result} waits for it. */
  submit(batch: Batch, step: number, rate: number): void {
    this.#writeBatch(batch, { step, rate, normWeight: 1 });
    this.executor.run(this.#train, ["statistics", "metrics"]);
  }

  /** Waits for the step that was submitted, and sets the next step's ranges. */
  async result(samples: number): Promise<StepResult> {
    const [metrics, statistics] = await this.executor.read(["metrics", "statistics"]);
    const [loss, correct] = new Float32Array(metrics!.buffer);
    const observations = this.#int8 ? this.scheduler.read(new Uint32Array(statistics!.buffer)) : [];
    this.scheduler.observe(observations);
    this.#writeRanges();
    return { loss: loss! / samples, correct: correct!, observations };
  }

  /** Mean loss and accuracy over batches, with running norm statistics. Changes no range. */
  async evaluate(batches: AsyncIterable<Batch>): Promise<{ loss: number; accuracy: number }> {
    let samples = 0, pending = 0, loss = 0, correct = 0;
    const collect = async () => {
      const [metrics] = await this.executor.read(["metrics"]);
      const sums = new Float32Array(metrics!.buffer);
      loss += sums[2]!;
      correct += sums[3]!;
      pending = 0;
    };
    for await (const batch of batches) {
      this.#writeBatch(batch, { step: 0, rate: 0, normWeight: 0 });
      this.executor.run(this.#evaluate, pending === 0 ? ["metrics"] : []);
      samples += batch.samples;
      // A wait costs 11 ms, but what is submitted without one stays in memory until it has run.
      if (++pending === 64) await collect();
    }
    if (pending > 0) await collect();
    return { loss: loss / samples, accuracy: correct / samples };
  }

  /**
   * First ranges, layer by layer with the static kernels: a step runs once to measure, its range is
   * set, it runs again; forward, then backward. Changes nothing but ranges.
   */
  async calibrate(batches: readonly Batch[]): Promise<void> {
    if (!this.#int8) return;
    const { sections } = this.program;
    const steps = [...this.#forwardTrain, ...sections.loss, ...sections.backward];
    for (const batch of batches) {
      this.#writeBatch(batch, { step: 0, rate: 0, normWeight: 0 });
      let first = 0;
      for (const [i, { quantizer: row }] of steps.entries()) {
        if (row === undefined) continue;
        this.executor.run(steps.slice(first, i + 1), ["statistics", "metrics"]);
        const [statistics] = await this.executor.read(["statistics"]);
        const seen = finite(this.scheduler.read(new Uint32Array(statistics!.buffer))[row]!);
        const old = this.scheduler.range(row);
        if (seen) {
          this.scheduler.setRange(row, {
            low: Math.min(seen.low, old?.low ?? Infinity),
            high: Math.max(seen.high, old?.high ?? -Infinity),
          });
        }
        this.#writeRanges();
        first = i; // Runs again, with its range, before what reads it.
      }
    }
  }

  get #int8(): boolean {
    return this.program.arithmetic === "int8";
  }

  #writeRanges(): void {
    if (this.#int8) this.executor.write("quantizers", this.scheduler.table(), this.#tableStart);
  }

  /** Writes master weights; their extremes go where an update would have left them. */
  #writeParameter(
    name: string,
    row: number | undefined,
    values: Float32Array<ArrayBuffer>,
  ): void {
    this.executor.write(name, values);
    if (row === undefined) return;
    let low = 0, high = 0; // Padding is 0 and symmetric ranges hold 0.
    for (const v of values) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
    const words = new Uint32Array(SLOTS * WORDS_OF_ROW);
    words[0] = ~key(low) >>> 0;
    words[1] = key(high);
    this.executor.write("statistics", words, row * ROW_BYTES);
  }

  #writeBatch(
    batch: Batch,
    { step, rate, normWeight }: { step: number; rate: number; normWeight: number },
  ): void {
    const block = new ArrayBuffer(STEP_BYTES);
    new Uint32Array(block).set([this.seed, step, batch.samples, 0]);
    new Float32Array(block).set([rate, normWeight], 4);
    this.executor.write("step", new Uint8Array(block));
    this.executor.write("pixels", batch.images);
    this.executor.write("labels", batch.labels);
  }
}
