/**
 * Lifetimes of a program's tensors, and which tensors must not share a buffer.
 *
 * @module
 */
import { buffersOf, type BufferSpec, type Program, type Step } from "../program.ts";

/** From the first step that uses a tensor to the last; −1: the host writes it before the first. */
export type Lifetime = readonly [first: number, last: number];

/** Lifetimes and conflicts of tensors. */
interface Lifetimes {
  /** Lifetimes of the tensors that are not needed from one training step to the next. */
  readonly lifetimes: ReadonlyMap<string, Lifetime>;
  /**
   * Tensors that a dispatch binds to read beside one that it writes, both ways: WebGPU refuses one
   * buffer for both, even where the ranges are disjoint.
   */
  readonly cannotShare: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A tensor that a step binds. */
interface Access {
  readonly name: string;
  readonly writes: boolean;
}

/** Returns all steps of a program, in the order in which training, evaluation and calibration run them. */
export function stepsInOrder({ sections: s }: Program): Step[] {
  return [...s.forward, ...s.loss, ...s.backward, ...s.update, ...s.schedule, ...s.weights];
}

/** Returns the tensors of `known` that a step may bind, also those that its constants disable. */
export function accesses(step: Step, known: ReadonlySet<string>): Access[] {
  const found = new Map<string, boolean>();
  for (const [variable, { access, shared }] of Object.entries(step.kernel.buffers)) {
    const name = shared ?? step.buffers[variable];
    if (name === undefined || !known.has(name)) continue;
    found.set(name, access === "write" || (found.get(name) ?? false));
  }
  return [...found].map(([name, writes]) => ({ name, writes }));
}

/** Returns whether every training step (or micro-batch) writes a tensor before it reads it. */
function transient({ name, kind }: BufferSpec, gradients: ReadonlySet<string>): boolean {
  return kind === "activation" || kind === "gradient" || kind === "scratch" || gradients.has(name);
}

/** Computes the lifetimes from all steps: of both phases, and of one-pass and two-pass quantization. */
export function lifetimesOf(program: Program): Lifetimes {
  const gradients = new Set(
    program.parameters.flatMap(buffersOf).map((name) => `${name}.gradient`),
  );
  // Ranks read and write gradients while steps run.
  const own = program.exchanges ? new Set<string>() : gradients;
  const known = new Set(
    program.buffers.filter((buffer) => transient(buffer, own)).map(({ name }) => name),
  );
  const lifetimes = new Map<string, [number, number]>(), apart = new Map<string, Set<string>>();
  const separate = (a: string, b: string) => {
    const others = apart.get(a);
    if (others) others.add(b);
    else apart.set(a, new Set([b]));
  };
  stepsInOrder(program).forEach((step, i) => {
    const bound = accesses(step, known);
    for (const { name, writes: made } of bound) {
      // Micro-batches add to the gradients of parameters, so these outlive a micro-batch.
      const writes = made && !(program.micros > 1 && gradients.has(name));
      const lifetime = lifetimes.get(name);
      if (lifetime) lifetime[1] = i;
      else lifetimes.set(name, [writes ? i : -1, i]);
      for (const other of bound) {
        if (other.name !== name && (made || other.writes)) separate(name, other.name);
      }
    }
  });
  return { lifetimes, cannotShare: apart };
}
