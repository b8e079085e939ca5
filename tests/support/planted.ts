/**
 * An executor in which something goes wrong at a step, as a driver or a flipped bit would have it.
 *
 * @module
 */
import type { Copies, Executor } from "../../lib/runtime/executor.ts";
import { type Device, type DeviceChoice, openDevice } from "../../lib/runtime/device.ts";
import type { Step } from "../../lib/program/program.ts";

/** What goes wrong. */
export interface Plant {
  /** In which steps of training, from 0. */
  readonly steps: readonly number[];
  /** Before which kernel of a step, and of which layer. */
  readonly kernel: string;
  readonly layer: string;
  /** Only in micro-batches behind the first. */
  readonly later?: boolean;
  /** Happens once, however often the step runs. */
  readonly once?: boolean;
  /** Gets NaN as its first value. */
  readonly buffer: string;
  /** Whether what was written there last is written again after the kernel. */
  readonly passes?: boolean;
}

/** Passes everything on, and plants. */
export class Planted implements Executor {
  #step = -1;
  #first = 0;
  /** What the host wrote last into the buffer of a plant. */
  #written: Uint8Array<ArrayBuffer> | undefined;
  #planted = new Set<number>();

  constructor(readonly inner: Executor, readonly plant: Plant) {}

  get device(): "gpu" | "cpu" {
    return this.inner.device;
  }
  get adapter(): string {
    return this.inner.adapter;
  }
  get bytes(): number {
    return this.inner.bytes;
  }
  get idleWait(): number {
    return this.inner.idleWait;
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset?: number): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (buffer === "step") {
      const words = new Uint32Array(bytes.slice().buffer);
      // A calibration counts as no step.
      const calibrates = new Float32Array(bytes.slice().buffer)[4] === 0 && words[1] === 0;
      [this.#step, this.#first] = [calibrates ? -1 : words[1]!, words[3]!];
    }
    if (buffer === this.plant.buffer) this.#written = bytes.slice();
    this.inner.write(buffer, data, offset);
  }

  ready(steps: readonly Step[]): Promise<void> {
    return this.inner.ready(steps);
  }

  run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    const { plant } = this;
    const at = steps.findIndex((s) => s.kernel.name === plant.kernel && s.layer === plant.layer);
    const now = at >= 0 && plant.steps.includes(this.#step) && (!plant.later || this.#first > 0) &&
      !(plant.once && this.#planted.has(this.#step));
    if (!now) return this.inner.run(steps, clear, copied);
    this.#planted.add(this.#step);
    this.inner.run(steps.slice(0, at), clear);
    this.inner.write(plant.buffer, new Float32Array([NaN]));
    if (!plant.passes) return this.inner.run(steps.slice(at), [], copied);
    this.inner.run(steps.slice(at, at + 1));
    this.inner.write(plant.buffer, this.#written!);
    return this.inner.run(steps.slice(at + 1), [], copied);
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.inner.read(buffers);
  }

  close(): void {
    this.inner.close();
  }
}

/** A device whose executors plant. */
export async function plantedDevice(plant: Plant, choice: DeviceChoice = "cpu"): Promise<Device> {
  const device = await openDevice(choice);
  return {
    ...device,
    createExecutor: async (program, options) =>
      new Planted(await device.createExecutor(program, options), plant),
  };
}
