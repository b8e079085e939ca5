/**
 * Training that outlives its adapter: a driver that was reset, or a device that was away for a moment,
 * is opened again, and the run goes on from its newest checkpoint, as with `--resume`.
 *
 * @module
 */
import { DeviceError, DeviceLostError } from "../../core/errors.ts";
import type { Device } from "../../runtime/device.ts";
import type { TrainEvent } from "../events.ts";
import type { TrainOptions } from "../options.ts";

/** Seconds to wait before an adapter is opened again, the first time that a run loses it, and so on. */
const PAUSES = [0.1, 1, 4];

/**
 * Trains, and goes on as often as {@linkcode PAUSES} allows.
 *
 * @param once trains with options, and tells of the device that it opens
 * @throws DeviceLostError where there is no checkpoint to go on from, or the adapter is lost for good
 */
export async function* withDeviceRecovery(
  options: TrainOptions,
  once: (options: TrainOptions, opens: (device: Device) => void) => AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent, void, void> {
  let device: Device | undefined, again = options;
  for (let times = 0;;) {
    try {
      return yield* once(again, (opened) => device = opened);
    } catch (error) {
      if (!(error instanceof DeviceLostError) || options.signal?.aborted) throw error;
      let lost: DeviceError = error, opened: Device | undefined;
      while (!opened) {
        const step = await stepToResume(options, device, lost, times);
        await new Promise((resolve) => setTimeout(resolve, 1000 * PAUSES[times]!));
        times++;
        try {
          opened = await device!.reopen!();
          options.warn?.(
            `the adapter was lost (${
              reasonOf(lost)
            }): it is opened again, and the run goes on from ` +
              `step ${step} (${times} of ${PAUSES.length} times)`,
          );
        } catch (error) {
          if (!(error instanceof DeviceError)) throw error;
          lost = error;
        }
      }
      again = { ...options, opened, resume: true };
    }
  }
}

/** The step of the checkpoint to go on from. @throws DeviceLostError why that is not possible */
async function stepToResume(
  { folder }: TrainOptions,
  device: Device | undefined,
  lost: DeviceError,
  times: number,
): Promise<number> {
  const end = (text: string) =>
    new DeviceLostError(`the adapter was lost (${reasonOf(lost)})${text}`, reasonOf(lost));
  const [newest] = await folder?.checkpoints() ?? [];
  if (!newest) {
    throw end(
      ", and the run has no checkpoint yet to go on from: start it again; --device cpu needs no GPU",
    );
  }
  if (!device?.reopen) throw lost;
  if (times === PAUSES.length) {
    throw end(
      `, and the run has opened it again ${times} times, which is the most: see to its driver, heat ` +
        `and power, then go on from step ${newest.step} with --resume; --device cpu needs no GPU`,
    );
  }
  return newest.step;
}

function reasonOf(error: DeviceError): string {
  return error instanceof DeviceLostError ? error.reason : error.message;
}
