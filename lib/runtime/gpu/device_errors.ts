/**
 * What went wrong on a device. WebGPU tells it late, to whoever listens, and never by throwing: here
 * it is kept until somebody waits for results, and then thrown with the name of the kernel.
 *
 * @module
 */
import { DeviceError, DeviceLostError, DeviceMemoryError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import { firstLine, withErrorScope } from "./error_scope.ts";

/** Milliseconds in which a device says that it is lost, after a call has failed for that reason. */
const LATE_MS = 100;
/** What calls say of a device that is lost, and some of them of other things too. */
const IS_LOST = /\bdevice is lost\b/i, LOST = /\blost\b|^validation error occurred$/i;
const REMEDY =
  "A run that has a checkpoint goes on from it with --resume; --device cpu needs no GPU";

/** Listens to a device. */
export class DeviceErrors {
  readonly #gpu: GPUDevice;
  readonly #encode: (pass: GPUComputePassEncoder, step: Step) => void;
  /** Resolves, to why, when the device is lost. */
  readonly #lost: Promise<string>;
  #closed = false;
  #found: Promise<DeviceError> | undefined;
  /** Steps that were submitted and not yet waited for. */
  #submitted: (readonly Step[])[] = [];

  /** @param encode writes one step into a pass */
  constructor(gpu: GPUDevice, encode: (pass: GPUComputePassEncoder, step: Step) => void) {
    this.#gpu = gpu;
    this.#encode = encode;
    // Nothing is printed when validation fails unless somebody listens.
    gpu.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#took(error.message, error instanceof GPUOutOfMemoryError);
      event.preventDefault();
    });
    this.#lost = gpu.lost.then(({ message }) => {
      if (!this.#closed) this.#found ??= Promise.resolve(lostError(message));
      return message;
    });
  }

  /** Whether something has failed. */
  get any(): boolean {
    return this.#found !== undefined;
  }

  /** Takes note of steps that are submitted now. */
  submits(steps: readonly Step[]): void {
    this.#submitted.push(steps);
  }

  /** What was submitted has ended. @throws DeviceError what has failed */
  async check(): Promise<void> {
    if (this.#found) throw await this.#found;
    this.#submitted = [];
  }

  /**
   * The error for a call that was refused.
   *
   * @param doing what was refused, in words; what WebGPU says follows
   * @param remedy in sentences
   */
  async refused(error: unknown, doing: string, remedy = REMEDY): Promise<DeviceError> {
    const text = firstLine(error);
    if (LOST.test(text)) {
      const why = await this.#lostSoon();
      if (why !== undefined || IS_LOST.test(text)) return lostError(why ?? text);
    }
    if (this.#found) return await this.#found;
    return new DeviceError(`${doing}: ${text}. ${remedy}`);
  }

  /** The device is given back: its loss is no failure. */
  close(): void {
    this.#closed = true;
  }

  #took(message: string, memory: boolean): void {
    if (this.#closed) return;
    const steps = new Set(this.#submitted.flat());
    this.#found ??= memory ? Promise.resolve(memoryError()) : this.#explain(message, steps);
  }

  async #explain(message: string, steps: Iterable<Step>): Promise<DeviceError> {
    if (IS_LOST.test(message)) return lostError(await this.#lostSoon() ?? message);
    const step = await this.#culprit(steps);
    const where = step ? `kernel ${step.kernel.name} of ${step.layer} is refused: ` : "";
    return new DeviceError(
      `the GPU failed: ${where}${
        firstLine(message)
      }. The run ends, as its numbers would be wrong: ` +
        "please report this with what qtrain doctor says; --device cpu needs no GPU",
    );
  }

  /** WebGPU names the buffer and not the step: the first that is refused when it stands alone. */
  async #culprit(steps: Iterable<Step>): Promise<Step | undefined> {
    for (const step of steps) {
      const { error } = await withErrorScope(this.#gpu, () => {
        const encoder = this.#gpu.createCommandEncoder(), pass = encoder.beginComputePass();
        this.#encode(pass, step);
        pass.end();
        encoder.finish();
      });
      if (error) return step;
    }
  }

  async #lostSoon(): Promise<string | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), LATE_MS);
    try {
      return await Promise.race([this.#lost, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function memoryError(): DeviceMemoryError {
  return new DeviceMemoryError(
    `the GPU failed: it is out of memory. A smaller batch needs less. ${REMEDY}`,
  );
}

function lostError(why: string): DeviceLostError {
  const reason = firstLine(why) || "it does not say why";
  return new DeviceLostError(`the GPU failed: the adapter was lost: ${reason}. ${REMEDY}`, reason);
}
