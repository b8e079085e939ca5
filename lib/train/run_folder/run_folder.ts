/**
 * The folder of a run: its recipe, logs, summary and checkpoints.
 *
 * Whole files are written under another name and renamed. The two logs are appended to, so a kill may
 * cut their last line, which {@linkcode RunFolder.truncateLogs} drops when the run resumes. Lines are
 * on the disk before the checkpoint that follows them, so none is missing then. Every log line has a
 * `step`. Checkpoints contain no time of day. Values that are not finite become `null` in JSON.
 *
 * @module
 */

import { dirname } from "node:path";
import { largest } from "../../core/min_max.ts";
import { DataError, UsageError } from "../../core/errors.ts";
import {
  appendDurably,
  appendSoon,
  fileError,
  makeFolder,
  readTextIfThere,
  writeAtomic,
} from "../../core/files.ts";
import { lockFolder } from "../../core/folder_lock.ts";
import { EVALUATION_FILE, type EvaluationRecord } from "../../metrics/evaluation_record.ts";
import { truncateLog } from "./truncate_log.ts";

/** Options of the folder of a run. */
export interface RunFolderOptions {
  /** Path of the folder. By default the next free one under `root`, or to resume, the latest. */
  readonly out?: string | undefined;
  /** Name of the recipe, and of the folder under `root`. */
  readonly name: string;
  /** Whether to resume a run in the folder; otherwise a folder with a run is refused. */
  readonly resume: boolean;
  /** Folder of all runs; `runs` by default. */
  readonly root?: string | undefined;
}

/** A file with a checkpoint. */
export interface CheckpointFile {
  /** Training steps done. */
  readonly step: number;
  /** Path of the file. */
  readonly path: string;
}

const CHECKPOINT = /^step-(\d{8,})\.safetensors$/;
const METRICS = "metrics.jsonl";
const RANGES = "ranges.jsonl";
/** Milliseconds between lines that are written while an epoch goes on. */
const WRITE_MS = 1000;

/** The folder of one run. */
export class RunFolder {
  #path: string;
  /** Lines that are not yet written, by log. */
  #pending: Record<typeof METRICS | typeof RANGES, string[]> = { [METRICS]: [], [RANGES]: [] };
  /** Logs with lines that are written but perhaps not on the disk. */
  readonly #unflushed = new Set<typeof METRICS | typeof RANGES>();
  /** When lines were last written, by `performance.now()`. */
  #written = -Infinity;
  /** Whether to refuse a run in the folder, as it is not this one. */
  #refuses: boolean;
  /** The folder of all runs and a name, until the folder is made: another run may take it first. */
  #wanted: { readonly root: string; readonly name: string } | undefined;

  private constructor(path: string, refuses: boolean, wanted?: { root: string; name: string }) {
    this.#path = path;
    this.#refuses = refuses;
    this.#wanted = wanted;
  }

  /** Path of the folder, relative if it was given so. */
  get path(): string {
    return this.#path;
  }

  /**
   * Chooses the folder of a run. Nothing is written until {@linkcode RunFolder.lock}: a run that does not
   * begin, because of its recipe or its data, leaves nothing behind.
   *
   * @throws {UsageError} when `out` holds a run and `resume` is not set, or is a file
   */
  static async create(options: RunFolderOptions): Promise<RunFolder> {
    const { out, name, resume, root = "runs" } = options;
    if (out !== undefined) {
      if (!resume) await refuseRun(out);
      await refuseFile(out);
      return new RunFolder(out, !resume);
    }
    const plain = folderName(name), latest = resume ? await latestRun(root, plain) : undefined;
    if (latest !== undefined) return new RunFolder(latest, false);
    return new RunFolder(await nextFolder(root, plain), !resume, { root, name: plain });
  }

  /**
   * Makes the folder, if it is not there.
   *
   * @throws {UsageError} when it cannot be made
   */
  async make(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    if (wanted) {
      await makeFolder(wanted.root);
      this.#path = await makeNextFolder(wanted.root, wanted.name);
    }
    await makeFolder(`${this.path}/checkpoints`);
  }

  /**
   * Opens the folder of an existing run, for reading.
   *
   * @throws {DataError} when the folder holds no run
   */
  static async open(path: string): Promise<RunFolder> {
    if (await traceOfRun(path) === undefined) {
      const there = await Deno.stat(path).then((info) => info, () => undefined);
      const got = !there ? "found nothing" : there.isDirectory ? "got another" : "got a file";
      throw new DataError(
        `${path}: expected the folder of a run (with recipe.yaml), ${got}. Give a folder that ` +
          "training wrote",
      );
    }
    return new RunFolder(path, false);
  }

  /**
   * Makes the folder and locks it for one run, until the returned lock is disposed. If the folder got no
   * run, nothing that was made stays.
   *
   * @throws {UsageError} when another run is writing the folder, or has written it since
   * {@linkcode RunFolder.create} found it free, or it cannot be written
   */
  async lock(): Promise<AsyncDisposable> {
    const made = await missingFolders(this.#wanted ? this.#wanted.root : this.path);
    if (this.#wanted) made.push("");
    await this.make();
    const { path } = this, lock = await lockFolder(path);
    try {
      if (this.#refuses) await refuseRun(path);
      this.#refuses = false;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        using _ = lock;
        if (await traceOfRun(path) !== undefined) return;
        await lock.remove();
        // A folder that is not empty stays.
        for (
          const folder of [
            `${path}/checkpoints`,
            ...made.map((made) => made || path).reverse(),
          ]
        ) {
          await Deno.remove(folder).catch(() => {});
        }
      },
    };
  }

  /** Adds a line to `metrics.jsonl`; {@linkcode RunFolder.writeLines} or `flush` writes it. */
  appendMetrics(line: { readonly step: number }): void {
    this.#pending[METRICS].push(JSON.stringify(line) + "\n");
  }

  /** Adds a line to `ranges.jsonl`; {@linkcode RunFolder.writeLines} or `flush` writes it. */
  appendRanges(line: { readonly step: number }): void {
    this.#pending[RANGES].push(JSON.stringify(line) + "\n");
  }

  /**
   * Appends pending lines to the logs, once a second at most: whoever watches a long epoch sees them.
   * They need not be on the disk yet, and what cannot be written now is left to
   * {@linkcode RunFolder.flush}.
   */
  async writeLines(): Promise<void> {
    if (performance.now() - this.#written < WRITE_MS) return;
    for (const log of [METRICS, RANGES] as const) {
      const lines = this.#pending[log];
      if (lines.length === 0 || !await appendSoon(`${this.path}/${log}`, lines.join(""))) continue;
      this.#pending[log] = [];
      this.#unflushed.add(log);
    }
    this.#written = performance.now();
  }

  /** Appends pending lines to the logs and flushes these to the disk. */
  async flush(): Promise<void> {
    for (const log of [METRICS, RANGES] as const) {
      const lines = this.#pending[log];
      if (lines.length === 0 && !this.#unflushed.has(log)) continue;
      this.#pending[log] = [];
      this.#unflushed.delete(log);
      await appendDurably(`${this.path}/${log}`, lines.join(""));
    }
  }

  /**
   * Truncates the logs after `step`: keeps complete lines of steps up to it; drops later lines and any
   * that a kill has cut, and a later evaluation. To be called when a run resumes from a checkpoint, or begins (0).
   */
  async truncateLogs(step: number): Promise<void> {
    await this.flush();
    for (const log of [METRICS, RANGES]) await truncateLog(`${this.path}/${log}`, step);
    const path = `${this.path}/${EVALUATION_FILE}`, text = await readTextIfThere(path);
    if (text !== undefined && stepOf(text) > step) await removeIfThere(path);
  }

  /** Writes `evaluation.json`, in place of that of an earlier evaluation. */
  writeEvaluation(record: EvaluationRecord): Promise<void> {
    return writeAtomic(`${this.path}/${EVALUATION_FILE}`, JSON.stringify(record) + "\n");
  }

  /** Writes `summary.json`. */
  writeSummary(summary: object): Promise<void> {
    return writeAtomic(`${this.path}/summary.json`, JSON.stringify(summary, null, 2) + "\n");
  }

  /**
   * Reads `summary.json`; `undefined` when there is none.
   *
   * @throws {DataError} when the file is not a JSON object
   */
  async readSummary(): Promise<Record<string, unknown> | undefined> {
    const path = `${this.path}/summary.json`;
    const text = await readTextIfThere(path);
    if (text === undefined) return undefined;
    let found = "something else";
    try {
      const value = JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    } catch (error) {
      found = (error as Error).message;
    }
    throw new DataError(
      `${path}: expected a JSON object, got ${found}. Delete it and train with --resume`,
    );
  }

  /** Writes `recipe.yaml`. */
  writeRecipe(text: string): Promise<void> {
    return writeAtomic(`${this.path}/recipe.yaml`, text);
  }

  /** Reads `recipe.yaml`; `undefined` when there is none. */
  readRecipe(): Promise<string | undefined> {
    return readTextIfThere(`${this.path}/recipe.yaml`);
  }

  /** Lists the checkpoints, latest first, without partly written ones. */
  async checkpoints(): Promise<CheckpointFile[]> {
    const found: CheckpointFile[] = [];
    for (const name of await namesIn(`${this.path}/checkpoints`)) {
      const step = CHECKPOINT.exec(name)?.[1];
      if (step === undefined) continue;
      found.push({ step: Number(step), path: `${this.path}/checkpoints/${name}` });
    }
    return found.sort((a, b) => b.step - a.step);
  }

  /**
   * Writes the checkpoint of `step`, then deletes the checkpoints that it replaces: all but the latest
   * `keep` and the best one at the time of each, and any of a later step. A checkpoint of a later step
   * does not belong to the run any more (it was damaged, or the run started over); resuming from it
   * would mix the two.
   *
   * @param bests steps of the evaluations that were better than all before them
   * @returns the path of the checkpoint
   */
  async writeCheckpoint(
    step: number,
    bytes: Uint8Array,
    keep = 3,
    bests: readonly number[] = [],
  ): Promise<string> {
    const folder = `${this.path}/checkpoints`;
    const path = `${folder}/step-${String(step).padStart(8, "0")}.safetensors`;
    await makeFolder(folder);
    await writeAtomic(path, bytes);
    const all = await this.checkpoints();
    const kept = new Set(all.map((c) => c.step).filter((s) => s <= step).slice(0, keep));
    // A run that must go back to an earlier checkpoint finds the best of that time too.
    for (const own of [...kept]) kept.add(largest(bests.filter((best) => best <= own)));
    const leftovers = (await namesIn(folder)).filter((name) => name.endsWith(".safetensors.part"));
    const stale = all.filter((c) => !kept.has(c.step)).map((c) => c.path);
    for (const old of [...stale, ...leftovers.map((name) => `${folder}/${name}`)]) {
      // A file that is missing already, or that cannot be deleted, does no harm.
      await Deno.remove(old).catch(() => {});
    }
    return path;
  }
}

/** The step of an evaluation; infinite if the file is damaged. */
function stepOf(text: string): number {
  try {
    return Number(JSON.parse(text).step);
  } catch {
    return Infinity;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError(error, "write", path);
  }
}

/** @throws UsageError when the folder holds a run */
async function refuseRun(folder: string): Promise<void> {
  const trace = await traceOfRun(folder);
  if (trace === undefined) return;
  throw new UsageError(
    `${folder}: expected a folder without a run, got one with ${trace}. Add --resume to continue ` +
      "that run, or choose another --out",
  );
}

/** The first file that shows that `folder` holds a run; `undefined` when there is none. */
async function traceOfRun(folder: string): Promise<string | undefined> {
  const names = new Set(await namesIn(folder));
  if (names.has("recipe.yaml")) return "recipe.yaml";
  if (names.has(METRICS)) return METRICS;
  // A start that failed leaves an empty checkpoints/: that is no run.
  if ((await namesIn(`${folder}/checkpoints`)).length > 0) return "checkpoints/";
  return undefined;
}

/** @throws UsageError when something other than a folder is in the way */
async function refuseFile(path: string): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info || info.isDirectory) return;
  throw new UsageError(`${path}: expected a folder for the run, got a file; choose another --out`);
}

/** The folders on the way to `path` that are not there yet, from the top. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = path;; folder = dirname(folder)) {
    if (await Deno.stat(folder).then(() => true, () => false)) return missing;
    missing.unshift(folder);
    if (dirname(folder) === folder) return missing;
  }
}

/** The numbers k of the folders `root/NAME-k`, largest first. */
async function numbersIn(root: string, name: string): Promise<number[]> {
  const numbers = (await namesIn(root)).map((entry) => numberOf(entry, name));
  return numbers.filter((k) => k > 0).sort((a, b) => b - a);
}

/** The latest folder of the name with a run. */
async function latestRun(root: string, name: string): Promise<string | undefined> {
  for (const k of await numbersIn(root, name)) {
    const path = numbered(root, name, k);
    if (await traceOfRun(path) !== undefined) return path;
  }
  return undefined;
}

/** `root/NAME`, `root/NAME-2`, …: the one after the last. */
async function nextFolder(root: string, name: string): Promise<string> {
  const [last = 0] = await numbersIn(root, name);
  return numbered(root, name, last + 1);
}

/** Makes the next folder: if two runs start at once, one of them gets the name, the other the next. */
async function makeNextFolder(root: string, name: string): Promise<string> {
  for (;;) {
    const path = await nextFolder(root, name);
    try {
      await Deno.mkdir(path); // Not recursive: it fails if the folder is there.
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw fileError(error, "write", path);
    }
  }
}

function numbered(root: string, name: string, k: number): string {
  return k === 1 ? `${root}/${name}` : `${root}/${name}-${k}`;
}

/** Returns 1 for `NAME`, k for `NAME-k` with k ≥ 2, else 0. */
function numberOf(entry: string, name: string): number {
  if (entry === name) return 1;
  if (!entry.startsWith(`${name}-`)) return 0;
  const k = entry.slice(name.length + 1);
  return /^[1-9]\d{0,8}$/.test(k) && Number(k) >= 2 ? Number(k) : 0;
}

/** Turns a recipe's name into one path component. */
function folderName(name: string): string {
  // deno-lint-ignore no-control-regex
  const plain = name.replace(/[\x00-\x1f\s\/\\:*?"<>|]+/g, "-").replace(/^[.-]+|[.-]+$/g, "");
  return plain === "" ? "run" : plain;
}

/** Lists the names in a folder; none when the folder does not exist. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    // A file in place of the folder: writing into it will report the path.
    if (error instanceof Deno.errors.NotADirectory) return [];
    throw fileError(error, "read", folder);
  }
}
