/**
 * A comparison as Markdown: `compare.md`.
 *
 * @module
 */
import { escapeMarkdown, markdownTable } from "../report/markdown.ts";
import type { Report } from "./report.ts";
import { notes, textTable } from "./table.ts";

/** The whole file. */
export function markdown(report: Report): string {
  return [
    `# ${escapeMarkdown(report.name)}: comparison`,
    "",
    markdownTable(textTable(report)),
    "",
    ...notes(report).map((note) => `- ${escapeMarkdown(note)}`),
    "",
  ].join("\n");
}
