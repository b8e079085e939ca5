/**
 * A comparison as Markdown: `compare.md`.
 *
 * @module
 */
import type { Report } from "./report.ts";
import { notes, textTable } from "./table.ts";

/** The whole file. */
export function markdown(report: Report): string {
  const { headers, rows, alignments } = textTable(report);
  const cells = [headers, ...rows].map((row) => row.map(escape));
  const widths = headers.map((_, i) => Math.max(3, ...cells.map((row) => [...row[i]!].length)));
  const line = (row: readonly string[]) =>
    `| ${
      row.map((cell, i) => {
        const space = " ".repeat(widths[i]! - [...cell].length);
        return alignments[i] === "right" ? space + cell : cell + space;
      }).join(" | ")
    } |`;
  const rule = widths.map((width, i) =>
    alignments[i] === "right" ? "-".repeat(width - 1) + ":" : "-".repeat(width)
  );
  return [
    `# ${escape(report.name)}: comparison`,
    "",
    line(cells[0]!),
    line(rule),
    ...cells.slice(1).map(line),
    "",
    ...notes(report).map((note) => `- ${escape(note)}`),
    "",
  ].join("\n");
}

/** Text that Markdown shows as it is. */
function escape(text: string): string {
  return text.replace(/[\\`*_|<>]/g, (sign) => `\\${sign}`).replace(/\s+/g, " ");
}
