/**
 * What a program moves, counted from its plan: the bytes of the buffers that its steps bind.
 *
 * @module
 */
import { boundBuffers, type Program, type Step } from "../program/program.ts";
import { selectSteps } from "../program/select_steps.ts";

/** Bytes for one image. */
export interface Moved {
  readonly forward: number;
  readonly backward: number;
}

/** What a program moves. */
export interface ProgramTraffic {
  /** By layer; `input` quantizes the images. */
  readonly layers: ReadonlyMap<string, Moved>;
  /** Every section of the program, `forward` and `backward` too. */
  readonly sections: Readonly<Record<string, number>>;
}

/**
 * Counts a training step of a program in bytes for one image: each buffer that a step binds once,
 * whole, and divided by the images of the batch. Tables (quantizers, statistics, settings of the step) are left
 * out; what a kernel reads twice counts once, and scratch memory counts. Unlike the paper's model
 * this has padded channels, and weights are shared by the images of a batch. With dynamic ranges,
 * the sums of a norm, which otherwise leave the convolution before it, are a pass counted at the norm.
 */
export function programTraffic(program: Program): ProgramTraffic {
  const bytesOf = boundBytesOf(program);
  const layers = new Map<string, { forward: number; backward: number }>();
  const sections: Record<string, number> = {};
  const { exchange: _, calibrate: __, ...training } = program.sections;
  for (const [section, steps] of Object.entries(training)) {
    sections[section] = 0;
    // The rest runs once for all micro-batches.
    const cut = section === "forward" || section === "loss" || section === "backward";
    const images = cut ? program.batch : program.batch * program.micros;
    for (const step of selectSteps(steps, program.quantizers, { phase: "train" })) {
      if (step.once) continue; // Not in a step.
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

/** Gives the bytes that a step binds, of the whole batch: each buffer once; tables are left out. */
export function boundBytesOf({ buffers, quantizers }: Program): (step: Step) => number {
  const bytes = new Map(buffers.map((b) => [b.name, b.kind === "table" ? 0 : b.bytes]));
  /** Real values on their way to a range: four bytes for each byte of the tensor's codes. */
  const real = ({ quantizer }: Step) => {
    const { name, role } = quantizers[quantizer!]!;
    return 4 * bytes.get(role === "gradient" ? name : `${name}.output`)!;
  };
  return (step) => {
    const names = boundBuffers(step).map(({ name }) => name);
    // One buffer serves the real values of all tensors in turn, as large as the largest of them.
    return [...new Set(names)].reduce(
      (n, name) => n + (name === "real" ? real(step) : bytes.get(name)!),
      0,
    );
  };
}
