/**
 * The weights of a run as a safetensors file.
 *
 * @module
 */
import { RunFolder } from "../run_folder/run_folder.ts";
import { expectCheckpoint } from "../checkpoint/load.ts";
import { encodeExport } from "../checkpoint/safetensors_export.ts";

/**
 * Returns a run's network as a safetensors file ({@linkcode encodeExport}). Needs no GPU and no data.
 *
 * @param path the run's folder
 * @param warn called with each note, and for each damaged checkpoint; the one before it is used instead
 * @param best whether to use the checkpoint with the best test accuracy instead of the latest
 * @throws DataError when the folder holds no run or no intact checkpoint
 */
export async function exportWeights(
  path: string,
  warn?: (text: string) => void,
  best = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const checkpoint = await expectCheckpoint(await RunFolder.open(path), warn, best);
  const { bytes, notes } = encodeExport(checkpoint);
  for (const note of notes) warn?.(note);
  return bytes;
}
