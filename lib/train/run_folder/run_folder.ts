/**
 * A run's folder: its recipe, logs, summary and checkpoints, and where it lies.
 *
 * Whole files are written beside and renamed; the two logs are appended to, so a kill may tear
 * their last line, which {@linkcode RunFolder.truncateLogs} drops when the run goes on. Lines are on
 * the disk before the checkpoint that follows them, so none is missing then. Every log line carries
 * `step`. Checkpoints hold no clock time. Values that are not finite become `null` in JSON.
 *
 * @module
 */

import { DataError, UsageError } from "../../core/errors.ts";
import {
  appendDurably,
  fileError,
  makeFolder,
  readTextIfThere,
  writeAtomic,
} from "../../core/files.ts";
import { truncateLog } from "./truncate_log.ts";
import { lockFolder } from "./lock.ts";

/** Where a run goes. */
export interface RunFolderOptions {
  /** The folder, as the person gave it; without it the next free (or newest) under `root`. */
  readonly out?: string | undefined;
  /** The recipe's name, which names the folder under `root`. */
  readonly name: string;
  /** Go on with a run that is there, instead of refusing its folder. */
  readonly resume: boolean;
  /** The folder of all runs, `runs` by default. */
  readonly root?: string | undefined;
}

/** A checkpoint on the disk. */
export interface CheckpointFile {
  /** Training steps done when it was written. */
  readonly step: number;
  /** Where it lies. */
  readonly path: string;
}

const CHECKPOINT = /^step-(\d{8,})\.safetensors$/;
const METRICS = "metrics.jsonl";
const RANGES = "ranges.jsonl";

/** The folder of one run. */
export class RunFolder {
  /** The folder's path, relative if it was given so. */
  readonly path: string;
  #pending: Record<typeof METRICS | typeof RANGES, string[]> = { [METRICS]: [], [RANGES]: [] };
  /** Whether a run in the folder is another's. */
  #refuses: boolean;

  private constructor(path: string, refuses: boolean) {
    this.path = path;
    this.#refuses = refuses;
  }

  /**
   * Finds or makes the folder of a run.
   *
   * @throws {UsageError} when `out` holds a run and `resume` is not set, or cannot be written.
   */
  static async create(options: RunFolderOptions): Promise<RunFolder> {
    const { out, name, resume, root = "runs" } = options;
    let path: string;
    if (out !== undefined) {
      if (!resume) await refuseRun(out);
      path = out;
    } else {
      path = await defaultFolder(root, folderName(name), resume);
    }
    await makeFolder(`${path}/checkpoints`);
    return new RunFolder(path, !resume);
  }

  /**
   * Opens the folder of a run that is there, for reading.
   *
   * @throws {DataError} when it holds no run.
   */
  static async open(path: string): Promise<RunFolder> {
    if (await traceOfRun(path) === undefined) {
      throw new DataError(
        `${path}: expected the folder of a run (with recipe.yaml), found none; ` +
          `give a folder that training wrote`,
      );
    }
    return new RunFolder(path, false);
  }

  /**
   * Takes the folder for one run, until what it returns is disposed of. A folder that got no run is
   * left without a trace of it.
   *
   * @throws {UsageError} when another run is writing the folder, or has been since
   * {@linkcode RunFolder.create} found it free.
   */
  async lock(): Promise<AsyncDisposable> {
    const lock = await lockFolder(this.path);
    try {
      if (this.#refuses) await refuseRun(this.path);
      this.#refuses = false;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    const { path } = this;
    return {
      async [Symbol.asyncDispose]() {
        using _ = lock;
        if (await traceOfRun(path) === undefined) await lock.remove();
      },
    };
  }

  /** Adds a line to `metrics.jsonl`; on the disk after {@linkcode RunFolder.flush}. */
  appendMetrics(line: { readonly step: number }): void {
    this.#pending[METRICS].push(JSON.stringify(line) + "\n");
  }

  /** Adds a line to `ranges.jsonl`; on the disk after {@linkcode RunFolder.flush}. */
  appendRanges(line: { readonly step: number }): void {
    this.#pending[RANGES].push(JSON.stringify(line) + "\n");
  }

  /** Appends the lines that wait to their files, and flushes these to the disk. */
  async flush(): Promise<void> {
    for (const log of [METRICS, RANGES] as const) {
      const lines = this.#pending[log];
      if (lines.length === 0) continue;
      this.#pending[log] = [];
      await appendDurably(`${this.path}/${log}`, lines.join(""));
    }
  }

  /**
   * Takes the logs back to `step`: keeps whole lines of steps up to and including it, drops later
   * ones and any that a kill tore. To be called when a run goes on from a checkpoint (0: afresh).
   */
  async truncateLogs(step: number): Promise<void> {
    await this.flush();
    for (const log of [METRICS, RANGES]) await truncateLog(`${this.path}/${log}`, step);
  }

  /** Writes `summary.json`. */
  writeSummary(summary: object): Promise<void> {
    return writeAtomic(`${this.path}/summary.json`, JSON.stringify(summary, null, 2) + "\n");
  }

  /**
   * `summary.json`, or `undefined` where there is none.
   *
   * @throws {DataError} when it is no JSON object.
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
      `${path}: expected a JSON object, found ${found}; remove it and train with --resume`,
    );
  }

  /** Writes `recipe.yaml`. */
  writeRecipe(text: string): Promise<void> {
    return writeAtomic(`${this.path}/recipe.yaml`, text);
  }

  /** The text of `recipe.yaml`, or `undefined` where there is none. */
  readRecipe(): Promise<string | undefined> {
    return readTextIfThere(`${this.path}/recipe.yaml`);
  }

  /** The checkpoints, newest first. Half-written ones are not among them. */
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
   * Writes the checkpoint of `step`, and only then removes those that it replaces: all but the
   * newest `keep` and what was the best to each of them, and any of a later step. A later one is of a
   * past that the run has left (it was damaged, or the run began afresh); a resume that picked it
   * would mix the two.
   *
   * @param bests the steps of evaluations that were better than all before them
   * @returns the path of the checkpoint.
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
    // A run that must go back to one before the newest finds its best there too.
    for (const own of [...kept]) kept.add(Math.max(-1, ...bests.filter((best) => best <= own)));
    const leftovers = (await namesIn(folder)).filter((name) => name.endsWith(".safetensors.part"));
    const stale = all.filter((c) => !kept.has(c.step)).map((c) => c.path);
    for (const old of [...stale, ...leftovers.map((name) => `${folder}/${name}`)]) {
      // One that is gone already, or that cannot be removed, does no harm: the run goes on.
      await Deno.remove(old).catch(() => {});
    }
    return path;
  }
}

/** @throws UsageError when the folder holds a run */
async function refuseRun(folder: string): Promise<void> {
  const sign = await traceOfRun(folder);
  if (sign === undefined) return;
  throw new UsageError(
    `${folder}: expected a folder without a run, found ${sign} of an earlier one; ` +
      `add --resume to go on with it or choose another --out`,
  );
}

/** What shows that `folder` holds a run, or `undefined`. */
async function traceOfRun(folder: string): Promise<string | undefined> {
  const names = new Set(await namesIn(folder));
  if (names.has("recipe.yaml")) return "recipe.yaml";
  if (names.has(METRICS)) return METRICS;
  // An empty checkpoints/ is what a start that failed leaves behind: no run.
  if ((await namesIn(`${folder}/checkpoints`)).length > 0) return "checkpoints/";
  return undefined;
}

/** `root/NAME`, `root/NAME-2`, …: one above the highest that is there, or the newest run of them. */
async function defaultFolder(root: string, name: string, resume: boolean): Promise<string> {
  const numbered = (await namesIn(root)).map((entry) => ({ entry, k: numberOf(entry, name) }))
    .filter(({ k }) => k > 0).sort((a, b) => b.k - a.k);
  if (resume) {
    for (const { entry } of numbered) {
      if (await traceOfRun(`${root}/${entry}`) !== undefined) return `${root}/${entry}`;
    }
  }
  await makeFolder(root);
  for (let k = (numbered[0]?.k ?? 0) + 1;; k++) {
    const path = k === 1 ? `${root}/${name}` : `${root}/${name}-${k}`;
    try {
      // Not recursive: of two runs that start at once, one gets the name and the other the next.
      await Deno.mkdir(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw fileError(error, "write", path);
    }
  }
}

/** 1 for `NAME`, k for `NAME-k` with k ≥ 2, else 0. */
function numberOf(entry: string, name: string): number {
  if (entry === name) return 1;
  if (!entry.startsWith(`${name}-`)) return 0;
  const k = entry.slice(name.length + 1);
  return /^[1-9]\d{0,8}$/.test(k) && Number(k) >= 2 ? Number(k) : 0;
}

/** A recipe's name as one harmless path component. */
function folderName(name: string): string {
  // deno-lint-ignore no-control-regex
  const plain = name.replace(/[\x00-\x1f\s\/\\:*?"<>|]+/g, "-").replace(/^[.-]+|[.-]+$/g, "");
  return plain === "" ? "run" : plain;
}

/** The names in a folder; none where there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    // A file where the folder should be: writing into it will say so, with the path.
    if (error instanceof Deno.errors.NotADirectory) return [];
    throw fileError(error, "read", folder);
  }
}
