/**
 * Reports as files: `report.html`.
 *
 * @module
 */
import { withThousands } from "../../core/format.ts";
import { oneLine } from "../../core/text.ts";
import { pageHtml } from "../page.ts";
import { nameHtml } from "../escape.ts";
import type { RunView } from "../run_log.ts";
import { recipeValue } from "./html.ts";
import { reportSections } from "./sections.ts";

/** The report of runs as a whole document, which loads nothing. */
export function reportHtml(runs: readonly RunView[]): string {
  const [first] = runs;
  const title = runs.length === 1 ? first!.name : `${withThousands(runs.length)} runs`;
  return pageHtml({
    title: oneLine(title),
    lead: `<p class="soft">${
      nameHtml(runs.length === 1 ? subtitle(first!) : runs.map(({ path }) => path).join(", "), 1000)
    }</p>`,
    sections: reportSections(runs),
  });
}

/** Network, data and arithmetic in a line. */
export function subtitle(run: RunView): string {
  const text = (...path: string[]) => {
    const value = recipeValue(run, ...path);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const data = text("data", "root") ?? text("data", "format");
  const parts = [
    `${text("model", "name") ?? "a network of its own"} on ${data ?? "unknown data"}`,
    text("quantize", "arithmetic"),
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}
