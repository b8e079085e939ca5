/**
 * Options of a training run.
 *
 * @module
 */
import type { Ranks } from "../distributed/ranks.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { Device, DeviceChoice } from "../runtime/device.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { RunFolder } from "./run_folder/run_folder.ts";

/** Options of a training run that are not part of its recipe. */
export interface TrainOptions {
  /** Device to train on; `auto` by default. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU, 1–256; by default one for each core. */
  readonly threads?: number;
  /** Device that is already open. The run closes it. */
  readonly opened?: Device;
  /** Kills the process when the GPU does not answer: see `DeviceOptions`. */
  readonly watchdog?: boolean;
  /**
   * Tests the kernels of the program before training, unless they have passed on this adapter before.
   * Writes the user's cache folder.
   */
  readonly selfTest?: boolean;
  /** Tiles of the kernels; `default` by default. `timed` writes the user's cache folder. */
  readonly tiles?: Tiles;
  /** Folder of the run. Without one, nothing is written but caches. */
  readonly folder?: RunFolder;
  /** Continues from the folder's latest checkpoint. */
  readonly resume?: boolean;
  /** When aborted, the run stops after the steps in flight and saves a checkpoint. */
  readonly signal?: AbortSignal;
  /** Called with each warning. */
  readonly warn?: (text: string) => void;
  /** Called now and then with how far work is that takes long: listing files, an evaluation. */
  readonly progress?: (text: string) => void;
  /** A clock in milliseconds that `train.time` goes by; `performance.now` by default. */
  readonly now?: () => number;
  /** The ranks that train together, of which this process is one. All train the same recipe. */
  readonly distributed?: Ranks;
  /** Custom estimators, by the names that the recipe uses. */
  readonly estimators?: EstimatorMakers;
}
