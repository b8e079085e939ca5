/**
 * Stand-ins.
 *
 * @module
 */
import { escape } from "../escape.ts";
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";

/** stand-in */
export function reportSections([run]: readonly RunView[]): Section[] {
  return [
    { id: "summary", title: "Summary", html: `<p>${escape(run!.name)} ${run!.status}</p>` },
    { id: "curves", title: "Curves", html: `<p>${run!.steps.length} steps</p>` },
    { id: "recipe", title: "Recipe", html: "<p>none</p>" },
  ];
}
