/**
 * Exports a trained network for other tools: a checkpoint without what only training needs.
 *
 * @module
 */
import { encodeChecked } from "./checksum.ts";
import { evaluationTensors } from "./tensors.ts";
import { expectCheckpoint } from "./load.ts";
import { RunFolder } from "../run_folder/run_folder.ts";
import { decodeSafetensors } from "../../core/safetensors.ts";

/**
 * Returns the weights (their moving averages where there are any), running statistics and ranges of a
 * run as a safetensors file with PyTorch's names and shapes; a range is `range.QUANTIZER`, [low, high].
 * The same run gives the same bytes. Needs no GPU and no data.
 *
 * @param path the run's folder
 * @param warn called for each damaged checkpoint; the one before it is used instead
 * @param best whether to use the checkpoint with the best test accuracy instead of the latest
 * @throws DataError when the folder holds no run or no intact checkpoint
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
