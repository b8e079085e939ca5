/**
 * Runs a program on the CPU with the reference kernels: slow, and correct by definition.
 *
 * @module
 */
import type { Copies, Executor } from "./executor.ts";
import { boundBuffers, type BufferSpec, type Layout, type Step } from "../program/program.ts";
import { bytesOf } from "../program/memory/bytes.ts";
import { HostBuffer } from "../../kernels/include/host_buffer.ts";

/** Milliseconds after which `ready` yields to the event loop, so that Ctrl-C is handled. */
const YIELD_MS = 50;

/** The executor of `--device cpu`. */
export class ReferenceExecutor implements Executor {
  readonly device = "cpu";
  readonly idleWait = Infinity;
  readonly adapter = "CPU (reference kernels)";
  readonly bytes: number;
  /** The memory of each buffer. */
  readonly memory: ReadonlyMap<string, HostBuffer>;
  /** Time of the last yield to the event loop. */
  #yielded = performance.now();

  /** @param layout the buffers that share memory; none by default */
  constructor(buffers: readonly BufferSpec[], layout?: Layout) {
    const regions = layout?.regions.map((bytes) => new ArrayBuffer(bytes)) ?? [];
    this.memory = new Map(buffers.map(({ name, bytes }) => {
      const place = layout?.places.get(name);
      return [name, new HostBuffer(bytes, place && regions[place.region], place?.offset)];
    }));
    this.bytes = bytesOf(buffers, layout);
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#find(buffer).bytes.set(bytes, offset);
  }

  /** Lets timers and signals run from time to time, as steps block this thread. */
  async ready(): Promise<void> {
    if (performance.now() - this.#yielded <= YIELD_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#yielded = performance.now();
  }

  run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    for (const name of clear) this.#find(name).bytes.fill(0);
    for (const step of steps) this.#run(step);
    const copies = copied.map((name) => this.#find(name).bytes.slice());
    return () => Promise.resolve(copies);
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.run([], [], buffers)();
  }

  close(): void {}

  #run(step: Step): void {
    const bound = boundBuffers(step).map(({ variable, name }) => [variable, this.#find(name)]);
    step.kernel.reference(step.constants, Object.fromEntries(bound));
  }

  #find(name: string): HostBuffer {
    const found = this.memory.get(name);
    if (!found) throw new Error(`no buffer is named ${name}`);
    return found;
  }
}
