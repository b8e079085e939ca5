/**
 * Stand-ins.
 *
 * @module
 */
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";

/** stand-in */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** stand-in */
export class RunLog {
  #text = "";
  view: RunView;
  constructor(readonly path: string) {
    this.view = {
      path,
      name: path.split("/").at(-1)!,
      status: "running",
      recipeText: "",
      recipe: undefined,
      summary: undefined,
      steps: [],
      epochs: [],
      quantizers: new Map(),
      evaluation: undefined,
      problems: [],
    };
  }
  static open(path: string): Promise<RunLog> {
    return Promise.resolve(new RunLog(path));
  }
  async refresh(): Promise<boolean> {
    const text = await Deno.readTextFile(`${this.path}/metrics.jsonl`).catch(() => "") +
      await Deno.readTextFile(`${this.path}/summary.json`).catch(() => "{}").then((t) =>
        "\n" + t.replaceAll("\n", " ")
      );
    if (text === this.#text) return false;
    this.#text = text;
    // deno-lint-ignore no-explicit-any
    const lines: any[] = text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const summary = await Deno.readTextFile(`${this.path}/summary.json`).then(
      JSON.parse,
      () => undefined,
    );
    this.view = {
      ...this.view,
      summary,
      status: summary?.status ?? "running",
      steps: lines.filter((l) => l.kind === "step"),
    };
    return true;
  }
}

/** stand-in */
export function reportSections([run]: readonly RunView[]): Section[] {
  return [
    { id: "summary", title: "Summary", html: `<p>${escape(run!.name)} ${run!.status}</p>` },
    { id: "curves", title: "Curves", html: `<p>${run!.steps.length} steps</p>` },
    { id: "recipe", title: "Recipe", html: "<p>none</p>" },
  ];
}
