/**
 * Colour for terminals only: what a pipe or a file gets is plain text, and so is everything where
 * `NO_COLOR` is set.
 *
 * @module
 */

import { styleText } from "node:util";

/** The styles in use; few, so that output stays calm. */
export type Style = "bold" | "dim" | "green" | "yellow" | "red";

/** Gives text a style, or leaves it plain. */
export type Paint = (style: Style, text: string) => string;

/** Paint for a stream: colour if it is a terminal and `NO_COLOR` is not set. */
export function paintFor(stream: { isTerminal(): boolean }): Paint {
  if (Deno.noColor || !stream.isTerminal()) return (_, text) => text;
  // Node's own check looks at stdout alone; the stream that is written to was checked above.
  return (style, text) => styleText(style, text, { validateStream: false });
}
