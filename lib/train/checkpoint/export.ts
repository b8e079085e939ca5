/**
 * A run's result for other tools: the newest checkpoint without what only training needs.
 *
 * @module
 */
import { encodeChecked } from "./checksum.ts";
import { evaluationTensors } from "./tensors.ts";
import { expectCheckpoint } from "./latest.ts";
import { RunFolder } from "../run_folder/run_folder.ts";
import { decodeSafetensors } from "../../core/safetensors.ts";

/**
 * The weights (their moving average where there is one), norm statistics and ranges of a run as a safetensors file, with PyTorch's names and
 * shapes; a range is `range.QUANTIZER`, [low, high]. Same run, same bytes. Needs no GPU and no data.
 *
 * @param path the run's folder
 * @param warn hears of a damaged checkpoint, instead of which the one before is taken
 * @param best take the checkpoint with the best test accuracy, not the newest
 * @throws DataError when the folder holds no run or no whole checkpoint
 */
export async function exportRun(
  path: string,
  warn?: (text: string) => void,
  best = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const checkpoint = await expectCheckpoint(await RunFolder.open(path), warn, best);
  const { tensors, metadata } = decodeSafetensors(checkpoint.bytes, checkpoint.path);
  const { position: _, ...rest } = metadata;
  return encodeChecked(evaluationTensors(tensors), rest);
}
