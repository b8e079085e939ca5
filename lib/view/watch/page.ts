/**
 * The document around the sections of a live page.
 *
 * @module
 */
import client from "./client.js" with { type: "text" };
import { escape } from "../escape.ts";
import { pageHtml, scriptHashes } from "../page.ts";
import type { LiveContent, LivePage } from "./live_page.ts";

/** The scripts that the page may run, for its policy. */
export const SCRIPTS = scriptHashes({ script: client });

/** The line that says how the page stands. */
const STYLE =
  `.state{position:sticky;top:0;z-index:1;background:var(--page);margin:0 0 16px;padding:7px 0;max-width:none;border-bottom:1px solid var(--rule);color:var(--soft);font-size:14px;overflow-wrap:anywhere}
nav~main .state{top:36px}section{scroll-margin-top:88px}
.state::before{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px;background:var(--soft)}
.live.state::before{background:var(--good)}
.state.lost::before,.state.gone::before{background:var(--warn)}
.state.lost,.state.gone{color:var(--warn)}
@media (prefers-reduced-motion:no-preference){.live.state::before{animation:beat 2s infinite}}
@keyframes beat{50%{opacity:.35}}`;

/** What the line says while there is no connection. */
const LOST = "No connection to qtrain: trying again.";

/**
 * A page that follows its source.
 *
 * @param list whether there is a list of runs to go back to
 */
export function pageOf(
  page: LivePage,
  { title, state, sections }: LiveContent,
  list: boolean,
): string {
  const back = list ? `<p><a href="/">All runs</a></p>` : "";
  return pageHtml({
    title,
    sections,
    versions: new Map(sections.map(({ id }) => [id, page.version(id)])),
    lead: `<p id="live" role="status" class="state ${state.kind}" data-lost="${LOST}">${
      escape(state.text)
    }</p>${back}`,
    style: STYLE,
    script: client,
  });
}
