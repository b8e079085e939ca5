/**
 * An evaluation of which each rank computes every so many batches. The answers are gathered, and every rank
 * adds them all up, in the order of batches: the figures of one machine, to the bit.
 *
 * @module
 */
import { countImages } from "../core/image_count.ts";
import type { SplitName } from "../data/dataset.ts";
import type { DataLoader } from "../data/loader.ts";
import type { Ranks } from "../distributed/ranks.ts";
import { MAX_UNREAD_BATCHES, type Network } from "./network/network.ts";
import { abortCheck, EvaluationAborted } from "./until_aborted.ts";

/** Batches of each rank between two exchanges: all answers of them are in memory. */
const BATCHES_A_ROUND = 4;

/** Called for each image, in their order, with a score for each class. */
export type AddAnswer = (index: number, scores: Float32Array) => void;

/** What a rank answers to one batch. */
interface BatchAnswer {
  /** Counts all ranks' batches from 0. */
  readonly batch: number;
  /** Sum over the images, in nats. */
  readonly loss: number;
  /** Number of right answers. */
  readonly correct: number;
  /** f32 [images of the batch, classes]. */
  readonly scores: Float32Array;
}

/**
 * Measures a network on a split. All ranks call it at once, with the same network and data.
 *
 * @param signal this rank's: all ranks stop when that of one is aborted
 * @param progress called with how far all ranks are
 * @returns the mean loss and the accuracy that {@linkcode Network.evaluate} has on one machine
 * @throws {EvaluationAborted} on all ranks, when a rank is interrupted and it has taken that rank a second
 */
export async function measureShares(
  network: Network,
  loader: DataLoader,
  split: SplitName,
  { ranks, signal, progress, add }: {
    readonly ranks: Ranks;
    readonly signal?: AbortSignal | undefined;
    readonly progress?: ((text: string) => void) | undefined;
    readonly add: AddAnswer;
  },
): Promise<{ loss: number; accuracy: number }> {
  const { batch: size, classes } = network.program, images = loader.data[split].count;
  const rounds = Math.ceil(Math.ceil(images / size) / (ranks.size * BATCHES_A_ROUND));
  const sums = new AnswerSums({ images, size, classes }, add);
  const aborted = abortCheck(signal), count = countImages("evaluating", images, progress);
  let own: BatchAnswer[] = [], answered = 0, round = 0;
  const exchange = async () => {
    const all = await ranks.gather(encode(own, aborted()));
    own = [];
    const parts = all.map((bytes) => decode(bytes, sums));
    sums.take(parts.flatMap(({ answers }) => answers));
    count(sums.images);
    // After the last round there is nothing left to stop.
    if (++round < rounds && parts.some(({ stop }) => stop)) throw new EvaluationAborted();
  };
  const batches = async function* () {
    let read = 0;
    for await (const batch of loader.batches(split, size, ranks)) {
      if (read > 0 && read % BATCHES_A_ROUND === 0) await exchange();
      read++;
      yield batch;
    }
  };
  await network.evaluate(batches(), ({ samples }, logits, stride, { loss, correct }) => {
    const scores = new Float32Array(samples * classes);
    for (let n = 0; n < samples; n++) {
      scores.set(logits.subarray(n * stride, n * stride + classes), n * classes);
    }
    own.push({ batch: ranks.rank + ranks.size * answered++, loss, correct, scores });
  });
  // Those of the last batches, and of ranks with more of them.
  while (round < rounds) await exchange();
  return sums.mean();
}

/** How an evaluation is cut into batches. */
interface Cut {
  /** Images of the split. */
  readonly images: number;
  /** Images of a batch. */
  readonly size: number;
  readonly classes: number;
}

/** Number of images of a batch; the last one may have fewer. */
function imagesOf(batch: number, { images, size }: Cut): number {
  return Math.min(size, images - batch * size);
}

/** Adds up answers in the order of batches, as a device does and the host after it. */
class AnswerSums {
  readonly #early = new Map<number, BatchAnswer>();
  #next = 0;
  /** Sums of the batches since the device's sums would have been read, in f32. */
  #deviceLoss = 0;
  #deviceCorrect = 0;
  #loss = 0;
  #correct = 0;

  constructor(readonly cut: Cut, readonly add: AddAnswer) {}

  /** Images added up so far. */
  get images(): number {
    return Math.min(this.cut.images, this.#next * this.cut.size);
  }

  /** Takes answers in any order. */
  take(answers: readonly BatchAnswer[]): void {
    for (const answer of answers) this.#early.set(answer.batch, answer);
    for (let answer; (answer = this.#early.get(this.#next)) !== undefined;) {
      this.#early.delete(this.#next);
      this.#addNext(answer);
    }
  }

  /** Mean loss and share of right answers. */
  mean(): { loss: number; accuracy: number } {
    this.#read();
    return { loss: this.#loss / this.images, accuracy: this.#correct / this.images };
  }

  #addNext({ loss, correct, scores }: BatchAnswer): void {
    const { classes, size } = this.cut, count = imagesOf(this.#next, this.cut);
    for (let n = 0; n < count; n++) {
      this.add(this.#next * size + n, scores.subarray(n * classes, (n + 1) * classes));
    }
    this.#deviceLoss = Math.fround(this.#deviceLoss + loss);
    this.#deviceCorrect = Math.fround(this.#deviceCorrect + correct);
    if (++this.#next % MAX_UNREAD_BATCHES === 0) this.#read();
  }

  #read(): void {
    this.#loss += this.#deviceLoss;
    this.#correct += this.#deviceCorrect;
    this.#deviceLoss = this.#deviceCorrect = 0;
  }
}

/** Words before the answers: whether to stop. */
const HEADER = 1;
/** Words before the scores of a batch: its index, loss, right answers. */
const ANSWER_HEADER = 3;

function encode(answers: readonly BatchAnswer[], stop: boolean): Uint8Array<ArrayBuffer> {
  const words = answers.reduce((sum, { scores }) => sum + ANSWER_HEADER + scores.length, HEADER);
  const u32 = new Uint32Array(words), f32 = new Float32Array(u32.buffer);
  u32[0] = Number(stop);
  let at = HEADER;
  for (const { batch, loss, correct, scores } of answers) {
    u32[at] = batch;
    f32.set([loss, correct], at + 1);
    f32.set(scores, at + ANSWER_HEADER);
    at += ANSWER_HEADER + scores.length;
  }
  return new Uint8Array(u32.buffer);
}

function decode(
  bytes: Uint8Array<ArrayBuffer>,
  { cut }: AnswerSums,
): { stop: boolean; answers: BatchAnswer[] } {
  const { buffer } = bytes.slice(), u32 = new Uint32Array(buffer), f32 = new Float32Array(buffer);
  const answers: BatchAnswer[] = [];
  for (let at = HEADER; at < u32.length;) {
    const batch = u32[at]!, first = at + ANSWER_HEADER;
    const next = first + imagesOf(batch, cut) * cut.classes;
    const scores = f32.subarray(first, next);
    answers.push({ batch, loss: f32[at + 1]!, correct: f32[at + 2]!, scores });
    at = next;
  }
  return { stop: u32[0] !== 0, answers };
}
