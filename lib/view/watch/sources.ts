/**
 * What the pages of the live view show: a run, or a list of the runs in a folder.
 *
 * @module
 */
import { sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { Section } from "../page.ts";
import { listRuns, type RunList } from "../run_list.ts";
import { RunLog, type RunStatus } from "../run_log.ts";
import { SECTIONS } from "../report/sections.ts";
import { Rested } from "./rested.ts";
import { runTable } from "./run_table.ts";
import type { LiveContent, LiveSource, LiveState } from "./live_page.ts";

/** Files of a run that its page tells of. */
const FILES = ["recipe.yaml", "metrics.jsonl", "ranges.jsonl", "summary.json", "evaluation.json"];

const STATES: Readonly<Record<RunStatus, LiveState>> = {
  running: { kind: "live", text: "The run goes on: this page follows it." },
  done: { kind: "ended", text: "The run is done." },
  interrupted: {
    kind: "ended",
    text: "The run was interrupted. This page follows it if it is resumed.",
  },
  diverged: { kind: "ended", text: "The run diverged." },
  stopped: {
    kind: "ended",
    text: "The run has stopped without an end. This page follows it if it is resumed.",
  },
};

/** The page of one run. */
export class RunSource implements LiveSource {
  #log: RunLog | undefined;
  #status: RunStatus | undefined;
  readonly #parts = SECTIONS.map((make) => ({ make, rested: new Rested<Section>() }));
  #sections: readonly Section[] = [];

  /** @param path of the run's folder */
  constructor(readonly path: string) {}

  async read(): Promise<LiveContent> {
    await expectRun(this.path);
    if (this.#log) await this.#log.refresh();
    const { view } = this.#log ??= await RunLog.open(this.path), state = STATES[view.status];
    const sections: Section[] = [];
    for (const { make, rested } of this.#parts) {
      // The last state is shown at once.
      sections.push(await rested.get(view, () => make([view]), view.status !== this.#status));
    }
    this.#status = view.status;
    if (sections.some((section, i) => section !== this.#sections[i])) this.#sections = sections;
    return { title: `${view.name}: ${view.status}`, state, sections: this.#sections };
  }
}

/** The page of the folder that is shown: its runs, or itself where it is a run. */
export class FolderSource implements LiveSource {
  #run: RunSource | undefined;
  readonly #list = new Rested<RunList>();
  #sections: readonly Section[] = [];

  /** @param path of the folder */
  constructor(readonly path: string) {}

  async read(): Promise<LiveContent> {
    const list = await this.#list.get(performance.now(), () => listRuns(this.path));
    if (list.runs[0]?.name === "") {
      return await (this.#run ??= new RunSource(this.path)).read();
    }
    this.#run = undefined;
    const html = runTable(list);
    if (html !== this.#sections[0]?.html) this.#sections = [{ id: "runs", title: "Runs", html }];
    return {
      title: `Runs in ${this.path}`,
      state: { kind: "live", text: "Runs that begin appear here." },
      sections: this.#sections,
    };
  }
}

/**
 * Checks that a run's folder is there, and that its files are its own: a run from elsewhere must not show
 * other files of this machine.
 *
 * @throws {DataError} when it is gone, or a file is a symbolic link that leads out of it
 */
async function expectRun(folder: string): Promise<void> {
  const info = await Deno.stat(folder).catch(() => undefined);
  if (!info?.isDirectory) {
    throw new DataError(
      `${folder}: the run's folder is gone. This page shows what was read, and goes on if it comes back`,
    );
  }
  for (const name of FILES) {
    const path = `${folder}/${name}`;
    const info = await Deno.lstat(path).catch(() => undefined);
    if (!info?.isSymlink) continue;
    const [real, home] = await Promise.all([path, folder].map((p) => Deno.realPath(p)))
      .catch(() => []);
    if (real && home && real.startsWith(home + sep)) continue;
    throw new DataError(
      `${path}: expected a file, got a symbolic link out of the run's folder. Replace it by the file`,
    );
  }
}
