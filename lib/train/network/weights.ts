/**
 * The weights of a network on an executor: parameters, optimizer state, moving averages, and batch
 * norm's running statistics. They are initialized, loaded from a file, and read back.
 *
 * @module
 */
import type { Executor } from "../../runtime/executor.ts";
import { fromNamed, initialValues, toNamed } from "../../program/parameter_layout.ts";
import type { NormSpec, Program } from "../../program/program.ts";
import { wordsOf } from "../../quant/layouts.ts";
import { recordStatistics, ROW_BYTES } from "../../quant/statistics.ts";
import { OPTIMIZER_STATE, PREFIX } from "../../program/tensor_names.ts";
import { bufferNames } from "../../runtime/sharded_executor.ts";
import type { NetworkState, TensorLookup } from "./types.ts";

/** The end of the name of the buffer that holds a parameter's moving average. */
const AVERAGE = "average";

/** Number of values of a norm's running mean; as many of its variance follow. */
const paddedOf = ({ channels }: NormSpec) => Math.ceil(channels / 4) * 4;

/** The weights of a program. */
export class Weights {
  /** Names of all their buffers. */
  readonly buffers: readonly string[];
  readonly #there: ReadonlySet<string>;

  /** @param executor one that knows a split parameter by the name of the whole */
  constructor(readonly program: Program, readonly executor: Executor) {
    this.#there = bufferNames(program);
    const { parameters, norms } = program;
    this.buffers = [
      ...parameters.map(({ name }) => name),
      ...[...Object.keys(OPTIMIZER_STATE), AVERAGE].flatMap((end) =>
        parameters.map(({ name }) => `${name}.${end}`).filter((name) => this.#there.has(name))
      ),
      ...norms.map(({ layer }) => `${layer}.running`),
    ];
  }

  /** Writes initial values. */
  initialize(seed: number): void {
    this.program.parameters.forEach((spec, i) => {
      const values = initialValues(spec, seed, i), zero = new Float32Array(values.length);
      this.#writeParameter(spec.name, spec.quantizer, values);
      for (const end of Object.keys(OPTIMIZER_STATE)) this.#writeState(spec.name, end, () => zero);
      this.#writeState(spec.name, AVERAGE, () => values);
    });
    for (const norm of this.program.norms) {
      const padded = paddedOf(norm);
      this.executor.write(`${norm.layer}.running`, new Float32Array(2 * padded).fill(1, padded));
    }
  }

  /**
   * Writes the tensors of a file.
   *
   * @param has whether the file has a tensor of this name
   * @param training false: parameters are their moving averages where there are any, and optimizer
   * state is not loaded
   */
  load(find: TensorLookup, has: ((name: string) => boolean) | undefined, training: boolean): void {
    for (const spec of this.program.parameters) {
      const weight = fromNamed(spec, (name, shape) => {
        const average = `${PREFIX.ema}.${name}`;
        return find(!training && has?.(average) ? average : name, shape);
      });
      const withPrefix = (prefix: string) => () =>
        fromNamed(spec, (name, shape) => find(`${prefix}.${name}`, shape));
      this.#writeParameter(spec.name, spec.quantizer, weight);
      this.#writeState(spec.name, AVERAGE, training ? withPrefix(PREFIX.ema) : () => weight);
      if (!training) continue;
      for (const [end, prefix] of Object.entries(OPTIMIZER_STATE)) {
        this.#writeState(spec.name, end, withPrefix(prefix));
      }
    }
    for (const norm of this.program.norms) {
      const { layer, channels } = norm, padded = paddedOf(norm);
      const running = new Float32Array(2 * padded).fill(1, padded);
      running.set(find(`${layer}.running_mean`, [channels]));
      running.set(find(`${layer}.running_var`, [channels]), padded);
      this.executor.write(`${layer}.running`, running);
    }
  }

  /** The state for a checkpoint, from the contents of {@link buffers}. */
  state(
    values: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
  ): Omit<NetworkState, "ranges" | "memories"> {
    const named = (end: string) =>
      this.program.parameters.flatMap((p) => {
        const found = values.get(p.name + end);
        return found ? toNamed(p, found) : [];
      });
    return {
      parameters: named(""),
      optimizer: new Map(
        Object.entries(OPTIMIZER_STATE).map(([end, prefix]) => [prefix, named(`.${end}`)] as const)
          .filter(([, tensors]) => tensors.length > 0),
      ),
      averages: named(`.${AVERAGE}`),
      running: this.program.norms.flatMap((norm) => {
        const { layer, channels } = norm, v = values.get(`${layer}.running`)!;
        const padded = paddedOf(norm), shape = [channels];
        return [
          { name: `${layer}.running_mean`, shape, data: v.slice(0, channels) },
          { name: `${layer}.running_var`, shape, data: v.slice(padded, padded + channels) },
        ];
      }),
    };
  }

  /** Writes a buffer of a parameter's state, where the program has it. */
  #writeState(name: string, end: string, values: () => Float32Array<ArrayBuffer>): void {
    if (this.#there.has(`${name}.${end}`)) this.executor.write(`${name}.${end}`, values());
  }

  /** Writes master weights, and their extremes where an update would have written them. */
  #writeParameter(
    name: string,
    row: number | undefined,
    values: Float32Array<ArrayBuffer>,
  ): void {
    this.executor.write(name, values);
    if (row === undefined) return;
    let min = 0, max = 0; // Padding is 0 and symmetric ranges hold 0.
    for (const v of values) {
      if (v < min) min = v;
      if (v > max) max = v;
    }
    const statistics = new Uint8Array(ROW_BYTES);
    recordStatistics(wordsOf(statistics), 0, { min, max });
    this.executor.write("statistics", statistics, row * ROW_BYTES);
  }
}
