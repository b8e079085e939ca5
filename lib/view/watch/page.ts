/**
 * The document around the sections of a live page.
 *
 * @module
 */
import client from "./client.js" with { type: "text" };
import { escape } from "./stand_in.ts";
import type { LiveContent, LivePage } from "./live_page.ts";

/** The script of the page. */
export const CLIENT = client;

/** A page that follows its source. */
export function pageOf(page: LivePage, { title, state, sections }: LiveContent): string {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${
    escape(title)
  }</title></head>
<body><main><p id="live" role="status" class="live ${state.kind}"
data-lost="No connection to qtrain: trying again.">${escape(state.text)}</p>
${
    sections.map(({ id, title, html }) =>
      `<section id="${id}" data-version="${
        page.version(id)
      }"><h2>${title}</h2><div data-live>${html}</div></section>`
    ).join("\n")
  }
</main><script>${CLIENT}</script></body></html>`;
}
