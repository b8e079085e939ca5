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
import { openModelFile } from "../../export/open.ts";
import { isExport } from "../checkpoint/safetensors_export.ts";

/**
 * Refuses a path where something else is: a folder, a checkpoint, another program's file. Description
 * and card beside the file count too.
 *
 * @throws UsageError with the path; for a folder that does not exist, too
 */
export async function expectReplaceable(out: string): Promise<void> {
  const folder = dirname(out);
  if (!(await stat(folder))?.isDirectory) {
    throw new UsageError(
      `--out: expected a folder that exists, found none at ${folder}; make it with mkdir -p ` +
        shellWord(folder),
    );
  }
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (/\.safetensors$/i.test(out)) return await expectOwn(out, (bytes) => isExport(bytes, out));
  if (!/\.(onnx|tflite)$/i.test(out)) return; // The export refuses it.
  await expectOwn(out, (bytes) => isModelOfQtrain(bytes, out));
  await expectOwn(`${out}.json`, (bytes) => isDescription(text(bytes)));
  await expectOwn(`${out}.md`, (bytes) => isCard(text(bytes)));
}

async function expectOwn(
  path: string,
  isOwn: (bytes: Uint8Array<ArrayBuffer>) => boolean,
): Promise<void> {
  const there = await Deno.stat(path).catch(() => undefined);
  if (there?.isDirectory) {
    throw new UsageError(
      `--out: expected a name for a file, got a folder at ${path}; choose another --out`,
    );
  }
  if (!there?.isFile || isOwn(await readBytes(path))) return;
  throw new UsageError(
    `--out: expected a new name or an earlier export to replace, got another file at ${path}; ` +
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
