/**
 * Escapes text for HTML.
 *
 * @module
 */

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
