/**
 * A comparison as Markdown: `compare.md`.
 *
 * @module
 */
import { escapeMarkdown, markdownTable } from "../report/markdown.ts";
import type { CompareReport } from "./report.ts";
import { compareNotes, compareTable } from "./table.ts";

/** Renders the file. */
export function comparisonMarkdown(report: CompareReport): string {
  return [
    `# ${escapeMarkdown(report.name)}: comparison`,
    "",
    markdownTable(compareTable(report)),
    "",
    ...compareNotes(report).map((note) => `- ${escapeMarkdown(note)}`),
    "",
  ].join("\n");
}
