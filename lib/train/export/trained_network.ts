/**
 * A run as lib/export sees it.
 *
 * @module
 */
import type { TrainedNetwork } from "../../export/fold.ts";
import { emaName } from "../checkpoint/tensors.ts";
import { inputSpecOf, type TrainedRun } from "../checkpoint/load.ts";

/**
 * Returns what training has made of a network, with moving averages in place of weights where there are
 * any, as evaluation uses them.
 *
 * @throws DataError when the checkpoint is of a version that did not know its images
 */
export function trainedNetwork(run: TrainedRun): TrainedNetwork {
  const { recipe, makers, checkpoint } = run, { find, has, ranges } = checkpoint;
  return {
    recipe,
    spec: inputSpecOf(run),
    find: (name, shape) => find(has(emaName(name)) ? emaName(name) : name, shape),
    ranges,
    makers,
  };
}
