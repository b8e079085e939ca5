/**
 * Folders of runs, made by hand.
 *
 * @module
 */
import type { EvaluationRecord } from "../../lib/metrics/evaluation_record.ts";
import { encodePng } from "../../lib/image/png_encode.ts";

/** What is made. */
interface MadeRun {
  /** Logged steps, ten epochs of them. */
  readonly steps: number;
  readonly quantizers?: number;
  readonly evaluation?: EvaluationRecord;
  readonly summary?: object;
}

/** Makes the folder of a run. */
export async function makeRun(
  path: string,
  { steps, quantizers = 0, evaluation, summary }: MadeRun,
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  const files: Record<string, string> = {
    "recipe.yaml": "name: shirts\n",
    "metrics.jsonl": stepLines(1, steps),
    ...(quantizers > 0 ? { "ranges.jsonl": rangeLines(1, steps, quantizers) } : {}),
    ...(evaluation ? { "evaluation.json": JSON.stringify(evaluation) } : {}),
    ...(summary ? { "summary.json": JSON.stringify(summary) } : {}),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
}

/** Lines of `metrics.jsonl` for steps. */
export function stepLines(from: number, to: number): string {
  let text = "";
  for (let step = from; step <= to; step++) {
    const line = {
      ...{ kind: "step", step, epoch: 1 + Math.floor(step / 100), loss: 2 / Math.sqrt(step) },
      ...{ accuracy: 0.5, lr: 0.1, images_per_second: 1000 + step % 7, data_wait_share: 0.01 },
      clipped: 0.001,
    };
    text += JSON.stringify(line) + "\n";
  }
  return text;
}

/** Lines of `ranges.jsonl` for steps. */
export function rangeLines(from: number, to: number, quantizers: number): string {
  let text = "";
  for (let step = from; step <= to; step++) {
    for (let i = 0; i < quantizers; i++) {
      const high = 1 + (step * 7 + i) % 13 / 13;
      const line = {
        step,
        quantizer: `conv${i}.output`,
        low: -high,
        high,
        min: -1.1 * high,
        max: high,
      };
      text += JSON.stringify({ ...line, clipped: 0.001 }) + "\n";
    }
  }
  return text;
}

/** The record of an evaluation of so many classes, with hostile names. */
export async function evaluationOf(classes: number): Promise<EvaluationRecord> {
  const png = await encodePng(new Uint8Array(64).fill(99), 8, 8, 1);
  const confusion = Array.from({ length: classes }, (_, i) => [
    [i, i, 8] as const,
    [i, (i + 7) % classes, 2] as const,
  ]).flat().toSorted(([a, b], [c, d]) => a - c || b - d);
  return {
    step: 20,
    images: 10 * classes,
    loss: 0.7,
    accuracy: 0.8,
    top5: 0.95,
    calibration_error: 0.03,
    calibration: [{ images: 10 * classes, confidence: 0.83, accuracy: 0.8 }],
    classes: Array.from({ length: classes }, (_, i) => `<b>class</b> "${i}" of many & one 🐟`),
    confusion,
    mistakes: Array.from({ length: 16 }, (_, i) => ({
      index: i,
      label: i % classes,
      predicted: (i + 7) % classes,
      probability: 0.9,
      label_probability: 0.01,
      png: png.toBase64(),
    })),
  };
}
