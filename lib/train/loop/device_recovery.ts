/**
 * Training that survives the loss of its adapter: after a driver reset, or when a device was away for a
 * moment, the adapter is opened again and the run resumes from its latest checkpoint.
 *
 * @module
 */
import { DeviceError, DeviceLostError } from "../../core/errors.ts";
import type { Device } from "../../runtime/device.ts";
import type { TrainEvent } from "../events.ts";
import type { TrainOptions } from "../options.ts";

/** Seconds to wait before opening a lost adapter again: the first time, the second, … */
const PAUSES = [0.1, 1, 4];
const WITHOUT_GPU = "--device cpu needs no GPU";

/**
 * Trains, and resumes after each loss of the adapter, as often as {@linkcode PAUSES} allows.
 *
 * @param trainOnce trains with the given options and calls `onOpen` with the device that it opens
 * @throws DeviceLostError when there is no checkpoint to resume from, or the adapter does not come back
 */
export async function* withDeviceRecovery(
  options: TrainOptions,
  trainOnce: (
    options: TrainOptions,
    onOpen: (device: Device) => void,
  ) => AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent, void, void> {
  let device: Device | undefined, current = options, losses = 0;
  for (;;) {
    try {
      return yield* trainOnce(current, (opened) => device = opened);
    } catch (error) {
      if (!(error instanceof DeviceLostError) || options.signal?.aborted) throw error;
      let lost: DeviceError = error, opened: Device | undefined;
      while (!opened) {
        const step = await stepToResume(options, device, lost, losses);
        await new Promise((resolve) => setTimeout(resolve, 1000 * PAUSES[losses]!));
        losses++;
        try {
          opened = await device!.reopen!();
        } catch (error) {
          if (!(error instanceof DeviceError)) throw error;
          lost = error;
          continue;
        }
        options.warn?.(
          `the adapter was lost (${reasonOf(lost)}): opened it again, resuming from step ${step} ` +
            `(${losses} of ${PAUSES.length} times)`,
        );
      }
      current = { ...options, opened, resume: true };
    }
  }
}

/** The step of the checkpoint to resume from. @throws DeviceLostError when the run cannot resume */
async function stepToResume(
  { folder }: TrainOptions,
  device: Device | undefined,
  lost: DeviceError,
  losses: number,
): Promise<number> {
  const reason = reasonOf(lost), problem = `the adapter was lost (${reason})`;
  const [latest] = await folder?.checkpoints() ?? [];
  if (!latest) {
    throw new DeviceLostError(
      `${problem}, and the run has no checkpoint yet. Start it again; ${WITHOUT_GPU}`,
      reason,
    );
  }
  if (!device?.reopen) throw lost;
  if (losses === PAUSES.length) {
    throw new DeviceLostError(
      `${problem}, after it was opened again ${losses} times. Check its driver, heat and power, then ` +
        `continue from step ${latest.step} with --resume; ${WITHOUT_GPU}`,
      reason,
    );
  }
  return latest.step;
}

function reasonOf(error: DeviceError): string {
  return error instanceof DeviceLostError ? error.reason : error.message;
}
