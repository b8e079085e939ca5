/**
 * One training step on several ranks: each computes its share of the micro-batches, and what they add up
 * to goes to all. In round i rank r computes micro-batch i · ranks + r. Every sum has the order that one
 * machine has, so the bits are those of one machine with the same micro-batches, on any number of ranks.
 *
 * @module
 */
import { normCoefficients } from "../../../kernels/norm_coefficients/kernel.ts";
import { resetStatistics } from "../../../kernels/reset_statistics/kernel.ts";
import { joinBytes } from "../../core/bytes.ts";
import type { Ranks } from "../../distributed/ranks.ts";
import { trainedBuffers, wordsOfQuantizers } from "../../program/passes/nonfinite_guard.ts";
import type { Program, Step } from "../../program/program.ts";
import {
  MAX_MEMORY,
  METRICS,
  NONFINITE_COUNTS,
  QUANTIZER,
  SLOT,
  wordsOf,
} from "../../quant/layouts.ts";
import type { Copies, Executor } from "../../runtime/executor.ts";
import type { DistributedSpec } from "../../recipe/recipe.ts";
import type { MicroBatchSteps } from "./segments.ts";
import { GradientBuckets, GradientSums } from "./gradient_sums.ts";
import { SliceExchanges } from "./slice_exchanges.ts";
import { type StatisticsRules, StatisticsSums } from "./statistics_sums.ts";
import type { NetworkState } from "./types.ts";
import { WireRanges } from "./wire/int8.ts";

const NO_STEPS: readonly Step[] = [];

/** The end of the name under which a checkpoint keeps the range of a gradient on the wire. */
const ON_THE_WIRE = ".wire";

/** Runs steps; the host may have to set ranges between them. @returns copies of buffers after them */
type RunSteps = (
  steps: readonly Step[],
  clear: readonly string[],
  copied: readonly string[],
) => Promise<Copies>;

/** A batch norm whose running values follow the batches. */
interface Norm {
  readonly running: string;
  readonly bytes: number;
  readonly kept: number;
}

/** What a rank tells all others of a step, in this order. */
interface Contribution {
  /** What the training loop has to say. */
  readonly note: Uint8Array;
  /** The loss's metrics of each of its micro-batches. */
  readonly metrics: Uint8Array;
  /**
   * From the last rank, of its last micro-batch: the table of quantizers and estimators' memory where
   * micro-batches set ranges themselves, and with telemetry the errors.
   */
  readonly table: Uint8Array;
  readonly memory: Uint8Array;
  readonly fidelity: Uint8Array;
}

const PARTS = [
  "note",
  "metrics",
  "table",
  "memory",
  "fidelity",
] as const satisfies (keyof Contribution)[];

/** What a rank has computed. */
interface Computed {
  /** By these steps. */
  readonly steps: readonly Step[];
  /** Copies of metrics and norms' values of each micro-batch. */
  readonly results: readonly Copies[];
  /** Copies of these buffers, after all of them. */
  readonly own: Copies;
  readonly told: readonly string[];
}

/** The steps of a network on one of several ranks. */
export class RankStep {
  /** What the training loop adds to the next step's exchange. */
  note: Uint8Array = new Uint8Array();
  /** What the loop of each rank has added to the last one. */
  notes: readonly Uint8Array[] = [];
  /** The micro-batches of this rank. */
  readonly microBatches: readonly number[];
  readonly #norms: readonly Norm[];
  readonly #trained: readonly string[];
  /** Gradients by the steps that make them: a step with telemetry has others. */
  readonly #gradients = new Map<readonly Step[], GradientSums>();
  readonly #buckets: GradientBuckets;
  readonly #exchanges: SliceExchanges;
  /** Running values of all norms as they are between steps, and as they were before the last one. */
  #running: Float32Array<ArrayBuffer> | undefined;
  #runningBefore = new Float32Array();
  /** The share of each that one micro-batch leaves of it. */
  readonly #kept: Float32Array;
  /** Ranges of gradients on the wire, where they go in 8 bits. */
  readonly #wireRanges: WireRanges | undefined;

  constructor(
    readonly program: Program,
    readonly executor: Executor,
    readonly ranks: Ranks,
    wire: DistributedSpec["wire"],
  ) {
    const { micros, sections } = program, { rank, size } = ranks;
    this.microBatches = Array.from({ length: micros / size }, (_, round) => round * size + rank);
    this.#trained = trainedBuffers(program);
    if (wire === "int8") {
      this.#wireRanges = new WireRanges(this.#trained.map((name) => `${name}.gradient`));
    }
    this.#norms = sections.forward.filter(({ kernel }) => kernel === normCoefficients)
      .map(({ buffers, constants }) => ({
        running: buffers.running!,
        bytes: 8 * constants.CHANNELS!,
        kept: constants.KEPT!,
      }));
    this.#buckets = new GradientBuckets(program, executor, ranks, this.#wireRanges);
    this.#exchanges = new SliceExchanges(ranks);
    this.#kept = Float32Array.from(
      this.#norms.flatMap(({ bytes, kept }) => new Array<number>(bytes / 4).fill(kept)),
    );
  }

  /** Takes over what {@linkcode memories} gave, or nothing; the network was loaded with other weights. */
  load(memories: NetworkState["memories"] | undefined): void {
    this.#running = undefined;
    this.#wireRanges?.ranges.clear();
    for (const name of this.#wireRanges?.names ?? []) {
      const range = memories?.get(name + ON_THE_WIRE)?.[0];
      if (range) this.#wireRanges!.ranges.set(name, range);
    }
  }

  /** Ranges of gradients on the wire, for a checkpoint. */
  memories(): [string, Float32Array<ArrayBuffer>][] {
    const ranges = [...this.#wireRanges?.ranges ?? []];
    return ranges.map(([name, range]) => [name + ON_THE_WIRE, Float32Array.of(range)]);
  }

  /**
   * Computes this rank's micro-batches and exchanges what they add up to. Then the device has the gradients,
   * statistics and metrics of the whole batch, as after the backward pass on one machine.
   *
   * @param step counts from 0
   * @param begin writes a micro-batch, the rank's `at`th
   */
  async run(
    { forward, backward }: MicroBatchSteps,
    step: number,
    telemetry: boolean,
    begin: (micro: number, at: number) => void,
    runSteps: RunSteps,
  ): Promise<void> {
    this.#running ??= await this.#readRunning();
    const gradients = this.#gradientsOf(backward), { microBatches } = this;
    const norms = this.#norms.map(({ running }) => running), results: Copies[] = [];
    const { parts, rest } = gradients;
    const told = this.#toldBuffers(telemetry);
    let own: Copies | undefined;
    this.#wireRanges?.seen.fill(0);
    for (const [round, micro] of microBatches.entries()) {
      begin(micro, round);
      const clear = ["metrics", ...norms, ...(round === 0 ? ["statistics"] : [])];
      results.push(await runSteps(forward, clear, ["metrics", ...norms]));
      for (const [bucket, steps] of parts.entries()) {
        await gradients.free(bucket);
        const first = round === 0, last = round === microBatches.length - 1;
        const copied = gradients.copied(bucket);
        // With the last steps' results, as waiting for another reading takes 0.4 ms on the CPU, 11 ms on a GPU.
        const isEnd = last && rest.length === 0 && bucket === parts.length - 1;
        const done = await runSteps(steps, [], isEnd ? [...copied, ...told] : copied);
        const [made, more] = split(done, copied.length);
        if (isEnd) own = more;
        gradients.add(bucket, made, { step, micro }, { first, last });
      }
      if (rest.length > 0) own = await runSteps(rest, [], told);
    }
    own ??= await runSteps(NO_STEPS, [], told);
    const computed = { told, own, steps: [...forward, ...backward], results };
    const [statistics, all] = await this.#exchangeRest(computed);
    this.#combine(statistics, all, gradients.finish());
  }

  /** Takes back the running values, and ranges on the wire, from before a step that is undone. */
  undo(): void {
    this.#writeRunning(this.#running = this.#runningBefore);
    this.#wireRanges?.undo();
  }

  #gradientsOf(backward: readonly Step[]): GradientSums {
    const known = this.#gradients.get(backward);
    if (known) return known;
    const made = new GradientSums(backward, this.#buckets, this.#exchanges);
    this.#gradients.set(backward, made);
    return made;
  }

  async #readRunning(): Promise<Float32Array<ArrayBuffer>> {
    const read = await this.executor.read(this.#norms.map(({ running }) => running));
    return new Float32Array(joinBytes(read).buffer);
  }

  #writeRunning(all: Float32Array<ArrayBuffer>): void {
    let at = 0;
    for (const { running, bytes } of this.#norms) {
      this.executor.write(running, all.slice(at, at += bytes / 4));
    }
  }

  /**
   * Exchanges what is beside the gradients, while their last ones are under way, and waits for all of it.
   *
   * @returns the statistics, and what each rank told
   */
  async #exchangeRest(computed: Computed): Promise<[StatisticsSums, Contribution[]]> {
    let sums: StatisticsSums | undefined;
    const read = this.#read(computed), rules = this.#rulesOf(computed.steps);
    const begun = this.#exchanges.begin(async () => {
      const { statistics, running } = await read;
      const maxima = bytesOf(this.#wireRanges?.seen ?? new Float32Array());
      return sums = new StatisticsSums({ statistics, maxima, running }, rules, this.ranks);
    });
    const told = read.then(({ contribution }) => this.ranks.gather(encode(contribution)));
    const [all] = await Promise.all([told, begun]);
    await this.#exchanges.finish();
    return [sums!, all.map(decode)];
  }

  #rulesOf(steps: readonly Step[]): StatisticsRules {
    const reset = steps.flatMap(({ kernel, constants }) =>
      kernel === resetStatistics ? [constants.ROW!] : []
    );
    return {
      quantizers: this.program.quantizers.length,
      reset: new Set(reset),
      running: this.#running!,
      kept: this.#kept,
    };
  }

  /** The buffers of which this rank tells the others. */
  #toldBuffers(telemetry: boolean): readonly string[] {
    const { quantizers } = this.program, { rank, size } = this.ranks, isLast = rank === size - 1;
    const ownRanges = isLast && quantizers.some(({ dynamic, search }) => dynamic || search);
    return [
      "statistics",
      ...(ownRanges ? ["quantizers", "memory"] : []),
      ...(isLast && telemetry ? ["fidelity"] : []),
    ];
  }

  /** Reads what this rank has computed beside gradients. */
  async #read({ results, own, told }: Computed): Promise<{
    readonly statistics: Uint8Array;
    readonly running: readonly Uint8Array[];
    readonly contribution: Contribution;
  }> {
    const read = await own();
    const of = (name: string) => read[told.indexOf(name)] ?? new Uint8Array();
    const parts = await Promise.all(results.map((copies) => copies()));
    return {
      statistics: of("statistics"),
      running: parts.map(([, ...running]) => joinBytes(running)),
      contribution: {
        note: this.note,
        metrics: joinBytes(parts.map(([metrics]) => metrics!)),
        table: of("quantizers"),
        memory: of("memory"),
        fidelity: of("fidelity"),
      },
    };
  }

  /**
   * Writes what all ranks' statistics and contributions add up to.
   *
   * @param overflown gradients whose sum is not finite
   */
  #combine(sums: StatisticsSums, all: readonly Contribution[], overflown: readonly string[]): void {
    const { executor, program: { quantizers } } = this, last = all.at(-1)!;
    const { statistics, maxima, running } = sums.all;
    this.notes = all.map(({ note }) => note);
    const first = wordsOfQuantizers(quantizers.length);
    for (const gradient of overflown) {
      const buffer = this.#trained.indexOf(gradient.replace(/\.gradient$/, ""));
      statistics[first + SLOT.words * buffer + NONFINITE_COUNTS.word("gradient")]!++;
    }
    executor.write("statistics", statistics);
    this.#wireRanges?.update(maxima);
    executor.write("metrics", metricsOf(all.map(({ metrics }) => metrics)));
    this.#runningBefore = this.#running!;
    this.#writeRunning(this.#running = running);
    if (last.fidelity.length > 0) executor.write("fidelity", last.fidelity.slice());
    for (const [row, { dynamic, search }] of quantizers.entries()) {
      if (!dynamic && !search) continue;
      const write = (buffer: string, from: Uint8Array, bytes: number) =>
        executor.write(buffer, from.slice(row * bytes, (row + 1) * bytes), row * bytes);
      write("quantizers", last.table, QUANTIZER.bytes);
      write("memory", last.memory, 4 * MAX_MEMORY);
    }
  }
}

/** The first copies, and the others; of copies that can be taken once. */
function split(copies: Copies, first: number): [Copies, Copies] {
  let taken: ReturnType<Copies> | undefined;
  const all = () => taken ??= copies();
  return [async () => (await all()).slice(0, first), async () => (await all()).slice(first)];
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The metrics of a batch: sums over micro-batches, in their order. */
function metricsOf(all: readonly Uint8Array[]): Float32Array<ArrayBuffer> {
  const words = all.map((bytes) => wordsOf(bytes.slice())), { fround } = Math;
  const rounds = all[0]!.length / METRICS.bytes;
  const sum = new Float32Array(METRICS.words), to = wordsOf(sum);
  let totalLoss = 0, totalCorrect = 0;
  for (let round = 0; round < rounds; round++) {
    for (const one of words) {
      const { loss, correct } = METRICS.read(one, round);
      totalLoss = fround(totalLoss + loss);
      totalCorrect = fround(totalCorrect + correct);
      METRICS.write(to, 0, { loss, correct, totalLoss, totalCorrect });
    }
  }
  return sum;
}

/** A contribution as bytes: the length of each part, then the parts. */
function encode(contribution: Contribution): Uint8Array<ArrayBuffer> {
  const parts = PARTS.map((name) => contribution[name]);
  const lengths = Uint32Array.from(parts, ({ length }) => length);
  return joinBytes([new Uint8Array(lengths.buffer), ...parts]);
}

function decode(bytes: Uint8Array<ArrayBuffer>): Contribution {
  const lengths = new Uint32Array(bytes.slice(0, 4 * PARTS.length).buffer);
  let at = 4 * PARTS.length;
  const entries = PARTS.map((name, i) => [name, bytes.subarray(at, at += lengths[i]!)] as const);
  return Object.fromEntries(entries) as unknown as Contribution;
}
