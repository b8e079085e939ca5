/**
 * The document around the sections of a live page.
 *
 * @module
 */
import client from "./client.js" with { type: "text" };
import { escape } from "../escape.ts";
import type { LiveContent, LivePage } from "./live_page.ts";

/** The script of the page. */
export const CLIENT = client;

const STYLE =
  `:root{color-scheme:light dark;--ink:#1c2126;--soft:#5d6670;--rule:#dfe3e8;--page:#fff;--card:#f7f8fa;--link:#1f66c1;--good:#127a52;--warn:#a05a00;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#9aa4ae;--rule:#333b43;--page:#14181c;--card:#1b2026;--link:#79b0f5;--good:#4fc795;--warn:#f0b05a;--bad:#f28b82}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1320px;margin:0 auto;padding:16px 24px 64px}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:19px;margin:28px 0 10px}
a{color:var(--link)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums;white-space:nowrap}
caption{text-align:left;color:var(--soft);padding-bottom:6px}
th,td{padding:7px 12px 7px 0;text-align:left;border-bottom:1px solid var(--rule)}
thead th{color:var(--soft);font-size:13px}tbody th{font-weight:500}.right{text-align:right}
small{color:var(--warn);white-space:normal}`;

/** The bar that says how the page stands. */
const LIVE_STYLE =
  `.live{position:sticky;top:0;z-index:1;margin:0 0 16px;padding:7px 0;max-width:none;background:var(--page);border-bottom:1px solid var(--rule);color:var(--soft);font-size:14px;overflow-wrap:anywhere}
.live::before,.status::before{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px;background:var(--soft)}
.live.live::before,.status.running::before{background:var(--good)}
.live.lost::before,.live.gone::before,.status.interrupted::before,.status.stopped::before{background:var(--warn)}
.status.diverged::before{background:var(--bad)}
.live.lost,.live.gone{color:var(--warn)}
@media (prefers-reduced-motion:no-preference){.live.live::before,.status.running::before{animation:beat 2s infinite}}
@keyframes beat{50%{opacity:.35}}`;

/** What the bar says while there is no connection. */
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
  const back = list ? `<nav><a href="/">All runs</a></nav>\n` : "";
  const body = sections.map(({ id, title, html }) =>
    `<section id="${escape(id)}" data-version="${page.version(id)}"><h2>${escape(title)}</h2>
<div data-live>${html}</div></section>`
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>${STYLE}
${LIVE_STYLE}</style>
</head>
<body><main>
<p id="live" role="status" class="live ${state.kind}" data-lost="${LOST}">${escape(state.text)}</p>
${back}${body.join("\n")}
</main>
<script>${CLIENT}</script>
</body></html>
`;
}
