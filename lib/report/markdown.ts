/**
 * Tables and text in Markdown.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";

/** A table of text. */
export interface TextTable {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** By column. */
  readonly alignments: readonly ("left" | "right")[];
}

/** Formats a table as Markdown with aligned columns, without a final newline. */
export function markdownTable({ headers, rows, alignments }: TextTable): string {
  const cells = [headers, ...rows].map((row) => row.map(escapeMarkdown));
  const widths = headers.map((_, i) =>
    Math.max(3, largest(cells.map((row) => [...row[i]!].length)))
  );
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
  return [line(cells[0]!), line(rule), ...cells.slice(1).map(line)].join("\n");
}

/** Escapes text for Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_|<>]/g, (sign) => `\\${sign}`).replace(/\s+/g, " ");
}
