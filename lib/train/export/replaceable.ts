/**
 * What an export may write over: files that an export has written, and nothing else.
 *
 * @module
 */
import { dirname } from "node:path";
import { UsageError } from "../../core/errors.ts";
import { readBytes } from "../../core/files.ts";
import { shellWord } from "../../core/text.ts";
import { stat } from "../../data/paths/stat.ts";
import { isCard } from "../../export/card.ts";
import { isDescription } from "../../export/description.ts";
import { MAX_BYTES, openModelFile } from "../../export/open.ts";
import { isExport } from "../checkpoint/safetensors_export.ts";

/** Maximum bytes of a file that may be a description or a card. */
const MAX_TEXT_BYTES = 2 ** 24;

/**
 * Refuses paths where something else is: a folder, a checkpoint, another program's file. Description
 * and card beside the first count too.
 *
 * @param paths the file to write, and its names until it is checked
 * @throws UsageError with the path; for a folder that does not exist, too
 */
export async function expectReplaceable(paths: readonly string[]): Promise<void> {
  const [out = ""] = paths, folder = dirname(out);
  if (!(await stat(folder))?.isDirectory) {
    throw new UsageError(
      `--out: expected a folder that exists, found none at ${folder}; make it with mkdir -p ` +
        shellWord(folder),
    );
  }
  const isWeights = /\.safetensors$/i.test(out), isOwn = isWeights ? isExport : isModelOfQtrain;
  for (const path of paths) await expectOwn(path, MAX_BYTES, (bytes) => isOwn(bytes, path));
  if (isWeights) return;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  await expectOwn(`${out}.json`, MAX_TEXT_BYTES, (bytes) => isDescription(text(bytes)));
  await expectOwn(`${out}.md`, MAX_TEXT_BYTES, (bytes) => isCard(text(bytes)));
}

async function expectOwn(
  path: string,
  maxBytes: number,
  isOwn: (bytes: Uint8Array<ArrayBuffer>) => boolean,
): Promise<void> {
  const there = await stat(path);
  if (!there || (there.isFile && there.size <= maxBytes && isOwn(await readBytes(path)))) return;
  const got = there.isDirectory ? "a folder" : there.isFile ? "another file" : "a device or pipe";
  throw new UsageError(
    `--out: expected a new name or an earlier export to replace, got ${got} at ${path}; ` +
      `choose another --out`,
  );
}

function isModelOfQtrain(bytes: Uint8Array<ArrayBuffer>, path: string): boolean {
  try {
    return openModelFile(bytes, path).metadata.qtrain_version !== undefined;
  } catch {
    return false;
  }
}
