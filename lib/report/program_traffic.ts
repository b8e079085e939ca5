/**
 * The memory traffic of a program, counted from its plan: the bytes of the buffers that its steps bind.
 *
 * @module
 */
import { boundBuffers, type Program, type Step } from "../program/program.ts";
import { selectSteps } from "../program/select_steps.ts";

/** Bytes for one image. */
export interface ProgramTraffic {
  /** By layer; `input` quantizes the images. */
  readonly layers: ReadonlyMap<string, { readonly forward: number; readonly backward: number }>;
  /** By section of the program, including `forward` and `backward`. */
  readonly sections: Readonly<Record<string, number>>;
}

/**
 * Counts a training step in bytes for one image: the size of each buffer that a step binds, divided by
 * the images of the batch. Scratch memory counts; tables (quantizers, statistics, settings of the
 * step) do not, nor does a second read by the same kernel. Unlike the paper's model, this includes
 * padded channels, and the images of a batch share the weights. With dynamic ranges, the sums of a
 * norm are a separate pass that counts for the norm; otherwise the convolution before it makes them.
 */
export function programTraffic(program: Program): ProgramTraffic {
  const bytesOf = boundBytesOf(program);
  const layers = new Map<string, { forward: number; backward: number }>();
  const sections: Record<string, number> = {};
  const { exchange: _, calibrate: __, ...training } = program.sections;
  for (const [section, steps] of Object.entries(training)) {
    sections[section] = 0;
    // The other sections run once for all micro-batches.
    const perMicroBatch = section === "forward" || section === "loss" || section === "backward";
    const images = perMicroBatch ? program.batch : program.batch * program.micros;
    for (const step of selectSteps(steps, program.quantizers, { phase: "train" })) {
      if (step.afterLoad) continue; // Not in a step.
      const bytes = bytesOf(step) / images;
      sections[section] += bytes;
      if (section !== "forward" && section !== "backward") continue;
      const moved = layers.get(step.layer) ?? { forward: 0, backward: 0 };
      moved[section] += bytes;
      layers.set(step.layer, moved);
    }
  }
  return { layers, sections };
}

/** Gives the bytes that a step binds for a whole batch: each buffer once, without tables. */
export function boundBytesOf({ buffers, quantizers }: Program): (step: Step) => number {
  const bytes = new Map(buffers.map((b) => [b.name, b.kind === "table" ? 0 : b.bytes]));
  /** Float32 values before quantization: four bytes for each byte of the tensor's codes. */
  const real = ({ quantizer }: Step) => {
    const { name, role } = quantizers[quantizer!]!;
    return 4 * bytes.get(role === "gradient" ? name : `${name}.output`)!;
  };
  return (step) => {
    const names = boundBuffers(step).map(({ name }) => name);
    // All tensors share one buffer for their float32 values, as large as the largest of them.
    return [...new Set(names)].reduce(
      (n, name) => n + (name === "f32_scratch" ? real(step) : bytes.get(name)!),
      0,
    );
  };
}
