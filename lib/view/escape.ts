/**
 * Text in HTML.
 *
 * @module
 */

import { oneLine } from "../core/text.ts";

const SIGNS: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for the content of an element or a quoted attribute. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => SIGNS[sign]!);
}

/** A name as HTML, on one line; what is too long has an ellipsis in its place. */
export function nameHtml(name: string, most = 80): string {
  // A letter has two units at most; a name of a megabyte is cut before it is taken apart.
  const letters = [...oneLine(name.slice(0, 2 * most + 2))];
  return escape(
    letters.length <= most ? letters.join("") : `${letters.slice(0, most - 1).join("")}…`,
  );
}
