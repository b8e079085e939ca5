/**
 * Errors of a device. WebGPU reports them late, as events, and never by throwing: this module keeps the
 * first one until the program waits for results, and then throws it with the name of the kernel.
 *
 * @module
 */
import { DeviceError, DeviceLostError, DeviceMemoryError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import { firstLine, withErrorScope } from "./error_scope.ts";

/** Milliseconds to wait for the device's loss to be reported, after a call has failed because of it. */
const LOST_WAIT_MS = 100;
/** Messages of calls on a lost device; those that match only `LOST` have other causes too. */
const IS_LOST = /\bdevice is lost\b/i, LOST = /\blost\b|^validation error occurred$/i;
const REMEDY =
  "A run that has a checkpoint goes on from it with --resume; --device cpu needs no GPU";

/** Collects the errors of a device. */
export class DeviceErrors {
  readonly #gpu: GPUDevice;
  readonly #encode: (pass: GPUComputePassEncoder, step: Step) => void;
  /** Resolves to the reason when the device is lost. */
  readonly #lost: Promise<string>;
  #closed = false;
  #found: Promise<DeviceError> | undefined;
  /** Steps that were submitted and not yet waited for. */
  #submitted: (readonly Step[])[] = [];

  /** @param encode writes one step into a pass */
  constructor(gpu: GPUDevice, encode: (pass: GPUComputePassEncoder, step: Step) => void) {
    this.#gpu = gpu;
    this.#encode = encode;
    // Without a listener a failed validation would go unnoticed.
    gpu.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#record(error.message, error instanceof GPUOutOfMemoryError);
      event.preventDefault();
    });
    this.#lost = gpu.lost.then(({ message }) => {
      if (!this.#closed) this.#found ??= Promise.resolve(lostError(message));
      return message;
    });
  }

  /** Whether an error has occurred. */
  get any(): boolean {
    return this.#found !== undefined;
  }

  /** Remembers submitted steps, among which a later error is looked up. */
  track(steps: readonly Step[]): void {
    this.#submitted.push(steps);
  }

  /** Call when all submitted steps have ended. @throws DeviceError the error that occurred, if any */
  async check(): Promise<void> {
    if (this.#found) throw await this.#found;
    this.#submitted = [];
  }

  /**
   * Returns the error for a call that WebGPU refused.
   *
   * @param doing describes the call; the message of WebGPU follows it
   * @param remedy sentences that say what to do
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

  /** Ignores everything from now on, as destroying the device reports its loss. */
  close(): void {
    this.#closed = true;
  }

  #record(message: string, memory: boolean): void {
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

  /** WebGPU names the buffer and not the step: finds the first step that is also refused alone. */
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
    const timer = setTimeout(() => late.resolve(undefined), LOST_WAIT_MS);
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
