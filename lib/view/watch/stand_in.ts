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
export function reportSections([run]: readonly RunView[]): Section[] {
  return [
    { id: "summary", title: "Summary", html: `<p>${escape(run!.name)} ${run!.status}</p>` },
    { id: "curves", title: "Curves", html: `<p>${run!.steps.length} steps</p>` },
    { id: "recipe", title: "Recipe", html: "<p>none</p>" },
  ];
}
