/**
 * The style sheet of pages about runs: light or dark as the reader's system, from a phone's width on.
 *
 * @module
 */

import { PLOT_STYLE } from "./plot/plot_style.ts";

/** Colours that colour-blind readers can tell apart, on white and on black. */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ["#2a78d6", "#5b9cf0"],
  ["#c96a00", "#f0a03c"],
  ["#0f8458", "#38c08c"],
  ["#b0388f", "#e07cc4"],
  ["#d23f3c", "#f07d78"],
  ["#6a51c4", "#a794f2"],
  ["#7d7300", "#cdbf3a"],
  ["#0a8c9c", "#48c2d2"],
];

/** The class of the nth colour, which sets `--c`. */
export function colour(n: number): string {
  return `c${n % COLOURS.length}`;
}

const colours = (dark: 0 | 1) => COLOURS.map((pair, i) => `.c${i}{--c:${pair[dark]}}`).join("");

/** The style sheet of every page. */
export const STYLE: string =
  `:root{color-scheme:light dark;--ink:#1c2126;--soft:#59626c;--rule:#dfe3e8;--page:#fff;--card:#f6f7f9;--good:#0f8458;--bad:#c5302d;--warn:#a15c00;--link:#1f66bd}
${colours(0)}.c-base{--c:#6b747e}
@media (prefers-color-scheme:dark){
:root{--ink:#e8ebee;--soft:#9fa9b3;--rule:#333b43;--page:#14181c;--card:#1b2026;--good:#38c08c;--bad:#f07d78;--warn:#f0a03c;--link:#7db3f5}
${colours(1)}.c-base{--c:#aab3bc}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1320px;margin:0 auto;padding:24px 24px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 10px}h3{font-size:15px;margin:22px 0 6px}
section{scroll-margin-top:52px}
p{margin:0 0 12px;max-width:76ch}a{color:var(--link)}
.soft,figcaption span,caption{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--page);padding:6px 10px;z-index:3}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
nav{position:sticky;top:0;z-index:2;background:var(--page);border-bottom:1px solid var(--rule);overflow-x:auto;scrollbar-width:none}
nav ul{display:flex;gap:2px 18px;max-width:1320px;margin:0 auto;padding:9px 24px;list-style:none;white-space:nowrap;font-size:14px}
nav a{color:var(--soft);text-decoration:none}nav a:hover{color:var(--ink);text-decoration:underline}
.scroll{overflow-x:auto}.tall{max-height:560px;overflow:auto}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:13.5px;padding-bottom:6px}
th,td{padding:6px 16px 6px 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:baseline}
thead th{font-weight:600;color:var(--soft);font-size:13px;white-space:nowrap}tbody th{font-weight:400}
.tall thead th{position:sticky;top:0;background:var(--page)}
th button{all:unset;cursor:pointer;font:inherit}th button:focus-visible{outline:2px solid var(--link)}
th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
.right{text-align:right}td.right,th.right{white-space:nowrap}tbody tr:hover{background:var(--card)}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;background:var(--c);margin-right:8px}
.status{display:inline-block;padding:1px 9px;border-radius:99px;border:1px solid currentColor;font-size:13px}
.status.done{color:var(--good)}.status.diverged{color:var(--bad)}.status.interrupted,.status.stopped{color:var(--warn)}.status.running{color:var(--link)}
.cards{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(min(100%,168px),1fr));margin:16px 0;padding:0;list-style:none}
.cards li{background:var(--card);border-radius:10px;padding:11px 14px}
.cards b{display:block;font-size:21px;font-weight:600;line-height:1.3;font-variant-numeric:tabular-nums}
.cards span{font-size:13px;color:var(--soft)}
.pair,.panels{display:grid;gap:18px;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
figure{margin:0;background:var(--card);border-radius:10px;padding:14px 14px 8px;position:relative}
.panels figure{max-width:620px}
figcaption{font-size:14px;margin-bottom:6px}figcaption span{margin-left:10px;font-size:13px}
${PLOT_STYLE}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 12px;padding:0;list-style:none;font-size:14px;color:var(--ink)}
.key svg{display:inline-block;width:30px;height:10px;margin-right:8px;vertical-align:middle}
.key .line{stroke-width:2.5}.key li{cursor:default}
select{font:inherit;padding:6px 10px;border:1px solid var(--rule);border-radius:7px;background:var(--card);color:var(--ink);margin-left:8px;max-width:100%}
pre{background:var(--card);border-radius:10px;padding:12px 14px;overflow-x:auto;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;margin:0 0 12px}
code{font:13px ui-monospace,Menlo,Consolas,monospace}
summary{cursor:pointer;color:var(--link)}details{margin:0 0 12px}
.mistakes{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));padding:0;margin:0;list-style:none}
.mistakes li{background:var(--card);border-radius:10px;padding:10px;font-size:13px;overflow-wrap:anywhere}
.mistakes img{display:block;width:96px;height:96px;object-fit:contain;margin:0 auto 8px}.mistakes .small{image-rendering:pixelated}
.mistakes b{font-weight:600}.mistakes small{color:var(--soft)}
.share{display:inline-block;height:9px;border-radius:3px;background:var(--c);margin-right:8px;min-width:1px}
.ending{font-size:17px;margin:10px 0 0;max-width:90ch;overflow-wrap:anywhere}.ending .status{margin-right:8px}
.cards .first b{font-size:30px}.cards li{overflow-wrap:anywhere}
.note{border-left:3px solid var(--warn);padding:6px 12px;margin:10px 0;background:var(--card);max-width:90ch;overflow-wrap:anywhere}
.side{display:flex;flex-wrap:wrap;gap:18px 40px;align-items:flex-start}.side>*{max-width:100%;min-width:0}.side>.fill{flex:1 1 420px}.narrow{max-width:620px}
.wrapped{white-space:normal;overflow-wrap:anywhere}.plain{margin:12px 0;padding-left:20px}
@media (max-width:600px){.rows{overflow-x:auto}.rows svg{min-width:640px}main{padding:16px 14px 48px}nav ul{padding:8px 14px}h1{font-size:22px}.mistakes{grid-template-columns:repeat(auto-fill,minmax(128px,1fr))}}
@media print{*{print-color-adjust:exact}.tall thead th{position:static}nav,.skip,select{display:none}figure,.cards li,.mistakes li{break-inside:avoid}.tall{max-height:none}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}`;
