/**
 * The weights of a network on an executor: parameters, what the optimizer keeps of each, and batch
 * norm's running statistics; from first values, from a file, and back into one.
 *
 * @module
 */
import type { Executor } from "../../runtime/executor.ts";
import { fromNamed, initialValues, toNamed } from "../../program/parameter_layout.ts";
import type { NormSpec, Program } from "../../program/program.ts";
import { orderedBits, ROW_BYTES, SLOTS, WORDS_OF_ROW } from "../../quant/statistics.ts";
import { bufferNames } from "../../runtime/sharded_executor.ts";
import type { TensorLookup, WeightsState } from "./types.ts";

/** What is kept of a parameter: ends of its buffers' names, and how a file calls them. */
const OPTIMIZER_STATE = { velocity: "velocity", second: "second_moment", average: "ema" } as const;
type OptimizerState = keyof typeof OPTIMIZER_STATE;

/** Values of a norm's running mean, and then as many of its variance. */
const paddedOf = ({ channels }: NormSpec) => Math.ceil(channels / 4) * 4;

/** The weights of a program. */
export class Weights {
  /** Every buffer that they lie in. */
  readonly buffers: readonly string[];
  readonly #there: ReadonlySet<string>;

  /** @param executor that knows split parameters by the name of the whole */
  constructor(readonly program: Program, readonly executor: Executor) {
    this.#there = bufferNames(program);
    const { parameters, norms } = program;
    this.buffers = [
      ...parameters.map(({ name }) => name),
      ...(Object.keys(OPTIMIZER_STATE) as OptimizerState[]).flatMap((kept) =>
        parameters.map(({ name }) => `${name}.${kept}`).filter((name) => this.#there.has(name))
      ),
      ...norms.map(({ layer }) => `${layer}.running`),
    ];
  }

  /** Writes first values. */
  initialize(seed: number): void {
    this.program.parameters.forEach((spec, i) => {
      const values = initialValues(spec, seed, i), zero = new Float32Array(values.length);
      this.#writeParameter(spec.name, spec.quantizer, values);
      this.#writeKept(spec.name, "velocity", () => zero);
      this.#writeKept(spec.name, "second", () => zero);
      this.#writeKept(spec.name, "average", () => values);
    });
    for (const norm of this.program.norms) {
      const padded = paddedOf(norm);
      this.executor.write(`${norm.layer}.running`, new Float32Array(2 * padded).fill(1, padded));
    }
  }

  /**
   * Writes those of a file.
   *
   * @param has whether the file has a tensor
   * @param training false: the moving averages where there are any, and nothing of the optimizer's
   */
  load(find: TensorLookup, has: ((name: string) => boolean) | undefined, training: boolean): void {
    for (const spec of this.program.parameters) {
      const weight = fromNamed(spec, (name, shape) => {
        const averaged = !training && has?.(`ema.${name}`);
        return find(averaged ? `ema.${name}` : name, shape);
      });
      const named = (kept: OptimizerState) => () =>
        fromNamed(spec, (name, shape) => find(`${OPTIMIZER_STATE[kept]}.${name}`, shape));
      this.#writeParameter(spec.name, spec.quantizer, weight);
      this.#writeKept(spec.name, "average", training ? named("average") : () => weight);
      if (!training) continue;
      this.#writeKept(spec.name, "velocity", named("velocity"));
      this.#writeKept(spec.name, "second", named("second"));
    }
    for (const norm of this.program.norms) {
      const { layer, channels } = norm, padded = paddedOf(norm);
      const running = new Float32Array(2 * padded).fill(1, padded);
      running.set(find(`${layer}.running_mean`, [channels]));
      running.set(find(`${layer}.running_var`, [channels]), padded);
      this.executor.write(`${layer}.running`, running);
    }
  }

  /** What a checkpoint holds of them, from the contents of {@link buffers}. */
  state(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): WeightsState {
    const named = (end: string) =>
      this.program.parameters.flatMap((p) => {
        const found = values.get(p.name + end);
        return found ? toNamed(p, found) : [];
      });
    return {
      parameters: named(""),
      velocities: named(".velocity"),
      seconds: named(".second"),
      averages: named(".average"),
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

  /** Writes what is kept of a parameter, where the program keeps it. */
  #writeKept(name: string, kept: OptimizerState, values: () => Float32Array<ArrayBuffer>): void {
    if (this.#there.has(`${name}.${kept}`)) this.executor.write(`${name}.${kept}`, values());
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
    words[0] = ~orderedBits(low) >>> 0;
    words[1] = orderedBits(high);
    this.executor.write("statistics", words, row * ROW_BYTES);
  }
}
