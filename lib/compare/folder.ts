/**
 * The folder of a comparison: its runs in `runs/`, and three files with the results.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { openDataset } from "../data/open.ts";
import { changesSinceRecord, readManifest } from "../data/paths/data_manifest.ts";
import { fileError, makeFolder, readTextIfThere, writeAtomic } from "../core/files.ts";
import { parseRecipe } from "../recipe/load.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { differences } from "../train/run_folder/resume_check.ts";
import type { Grid } from "./grid.ts";
import { comparisonHtml } from "./html.ts";
import { comparisonMarkdown } from "./table.ts";
import { readRunResult, type RunResult } from "./read_runs.ts";
import { buildReport, type CompareReport } from "./report.ts";

const FILES = ["compare.json", "compare.md", "compare.html"] as const;

/** The folder of one comparison. */
export class CompareFolder {
  #runs: RunResult[] = [];

  private constructor(
    /** The path, as it was given. */
    readonly path: string,
    /** The runs to compare. */
    readonly grid: Grid,
  ) {}

  /**
   * Creates the folder, or opens an existing one, and reads the runs in it.
   *
   * @throws {UsageError} if it holds other files, or a run of another recipe
   */
  static async open(path: string, grid: Grid): Promise<CompareFolder> {
    await rejectForeignFiles(path);
    const folder = new CompareFolder(path, grid);
    for (const { folder: run, recipe } of grid.cells) {
      await rejectOtherRecipe(`${path}/${run}`, recipe);
    }
    for (let i = 0; i < grid.cells.length; i++) folder.#runs.push(await folder.#read(i));
    await makeFolder(path);
    return folder;
  }

  /** The result of a cell's run, as last read. */
  run(cell: number): RunResult {
    return this.#runs[cell]!;
  }

  /** Reads the run of a cell again. */
  async refresh(cell: number): Promise<void> {
    this.#runs[cell] = await this.#read(cell);
  }

  /**
   * Checks that runs which have ended began with the data that the others will be trained on.
   *
   * @throws {UsageError} if they began with other files
   */
  async expectSameData(): Promise<void> {
    const { cells } = this.grid, ended = cells.filter((_, i) => this.#hasEnded(i));
    const [first] = ended;
    if (!first || ended.length === cells.length) return;
    const pathScope = first.recipe.pathScope.resuming(`${this.path}/${first.folder}`);
    const { files } = await openDataset({ ...first.recipe, pathScope });
    for (const { folder } of files ? ended : []) {
      const run = `${this.path}/${folder}`, record = (await readManifest(run))["data.root"];
      const change = record && (await changesSinceRecord(record, files!)).different[0];
      if (change === undefined) continue;
      throw new UsageError(
        `${run}: the run began with other data: ${change}. Restore the data, or choose another --out`,
      );
    }
  }

  #hasEnded(cell: number): boolean {
    const { status } = this.run(cell).record;
    return status === "done" || status === "diverged";
  }

  /** Writes those of the three files that change. @returns their content */
  async write(): Promise<CompareReport> {
    const report = buildReport(this.grid, this.#runs.map(({ record }) => record));
    const texts = [
      JSON.stringify(report, null, 2) + "\n",
      comparisonMarkdown(report),
      comparisonHtml(report, this.grid, this.#runs.map(({ curves }) => curves)),
    ];
    for (const [i, name] of FILES.entries()) {
      const file = `${this.path}/${name}`;
      if (await readTextIfThere(file) !== texts[i]) await writeAtomic(file, texts[i]!);
    }
    return report;
  }

  #read(cell: number): Promise<RunResult> {
    const { cells, rows, seeds } = this.grid, spec = cells[cell]!;
    // Ranges of one seed suffice; more would make the page heavy.
    return readRunResult(this.path, spec, rows[spec.row]!, spec.seed === seeds[0]);
  }
}

async function rejectForeignFiles(path: string): Promise<void> {
  const ours: readonly string[] = FILES.flatMap((name) => [name, `${name}.part`]);
  try {
    const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
    const foreign = names.filter((name) => !ours.includes(name)).sort()[0];
    if (foreign === undefined) return;
    const text = await readTextIfThere(`${path}/${FILES[0]}`);
    if (text !== undefined && isReport(text)) return;
    throw new UsageError(
      `${path}: expected an empty folder or one that qtrain compare wrote, got one with ${foreign} ` +
        `and without its compare.json; choose another --out`,
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    // A file is in the way: the same message as when writing there.
    throw fileError(error, "write", path);
  }
}

/** All runs of a table have the same recipe, including the number of epochs; their data may have moved. */
async function rejectOtherRecipe(run: string, recipe: Recipe): Promise<void> {
  const text = await readTextIfThere(`${run}/recipe.yaml`);
  if (text === undefined) return;
  const differs = differences(parseRecipe(text, `${run}/recipe.yaml`), recipe);
  if (differs.length === 0) return;
  throw new UsageError(
    `${run}: cannot resume: the run began with another recipe: ${differs.join("; ")}. ` +
      "Use that recipe, or choose another --out",
  );
}

function isReport(text: string): boolean {
  try {
    return JSON.parse(text)?.kind === "qtrain-compare";
  } catch {
    return false;
  }
}
