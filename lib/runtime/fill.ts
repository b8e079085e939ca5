/**
 * Fills a program's memory with random values, for the self-test and for timing.
 *
 * @module
 */
import { largest, smallest } from "../core/min_max.ts";
import { fromNamed } from "../program/parameter_layout.ts";
import { buffersOf, type Program } from "../program/program.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { estimators } from "../quant/estimators/mod.ts";
import { STEP } from "../quant/layouts.ts";
import { Scheduler } from "../quant/scheduler.ts";
import { recordStatistics } from "../quant/statistics.ts";
import type { ReferenceExecutor } from "./reference_executor.ts";

/** Fills a program's memory with weights, images and ranges, the same ones each time. */
export function fill(program: Program, cpu: ReferenceExecutor): void {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  fillParameters(program, cpu, random);
  fillBatch(program, cpu, random);
  if (program.quantizers.length > 0) fillRanges(program, cpu);
}

/** Fills weights, optimizer state and running statistics. */
function fillParameters(program: Program, cpu: ReferenceExecutor, random: () => number): void {
  const at = (name: string) => cpu.memory.get(name)!;
  for (const spec of program.parameters) {
    const [, inputs, h, w] = spec.dims;
    const spread = spec.role === "weight" ? 2 / Math.sqrt(inputs * h * w) : 1;
    const values = fromNamed(spec, (_, shape) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return Float32Array.from({ length }, () => (2 * random() - 1) * spread);
    });
    let first = 0;
    for (const part of buffersOf(spec).map((name) => at(name).f32)) {
      part.set(values.subarray(first, first + part.length));
      first += part.length;
    }
    for (const [kept, most] of [["second", 1e-3], ["average", 1]] as const) {
      const buffer = cpu.memory.get(`${spec.name}.${kept}`)?.f32;
      values.forEach((v, n) => buffer && (buffer[n] = v === 0 ? 0 : random() * most));
    }
    if (spec.quantizer === undefined) continue;
    recordStatistics(at("statistics"), spec.quantizer, {
      min: smallest(values),
      max: largest(values),
    });
  }
  for (const { layer } of program.norms) {
    const running = at(`${layer}.running`).f32;
    running.fill(1, running.length / 2);
  }
}

/** Fills images, labels and the step's uniform. */
function fillBatch(program: Program, cpu: ReferenceExecutor, random: () => number): void {
  const at = (name: string) => cpu.memory.get(name)!;
  at("pixels").bytes.forEach((_, i, all) => all[i] = random() * 256);
  at("labels").u32.forEach((_, i, all) => all[i] = random() * program.classes);
  const weights = at("labels").f32.subarray(program.batch);
  if (program.training.weights > 0) weights.forEach((_, i) => weights[i] = 0.5 + random());
  at("normalization").f32.fill(2 / 255, 0, program.input[2]).fill(-1, 4, 4 + program.input[2]);
  STEP.write(at("step"), 0, {
    seed: 7,
    step: 3,
    samples: Math.max(1, program.batch - 1), // The last image is padding.
    first: (program.micros - 1) * program.batch,
    learningRate: 0.05,
    normWeight: 1,
    total: Math.max(1, program.micros * program.batch - 1),
    smoothing: program.training.smoothing,
    weightFactor: program.training.weights > 0 ? 0.75 : 0,
    firstCorrection: 2.9, // For averages that began four steps ago.
    secondCorrection: 16,
  });
}

/** Fills the table of quantizers and the rules of the estimators. */
function fillRanges(program: Program, cpu: ReferenceExecutor): void {
  const at = (name: string) => cpu.memory.get(name)!;
  const rules = program.quantizers.map(({ role, settings }) =>
    role === "weight" ? undefined : (estimators as EstimatorMakers)[settings.estimator]!(settings)
  );
  const scheduler = new Scheduler(program.quantizers, rules, true);
  program.quantizers.forEach((q, row) => {
    // Narrow enough that some values are clipped; all different, so that a wrong row is noticed.
    const wider = 1 + row / 32;
    scheduler.table.setRange(
      row,
      q.role === "gradient"
        ? { low: -0.02 * wider, high: 0.03 / wider }
        : { low: -1.5 * wider, high: 2 / wider },
    );
  });
  at("rules").f32.set(scheduler.rules());
  at("quantizers").f32.set(scheduler.table.encodeAll().table);
}
