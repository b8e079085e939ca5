/**
 * The style sheet of the page of a comparison, light or dark like the reader's system.
 *
 * @module
 */
import { FLOAT32 } from "./estimators.ts";
import type { Grid } from "./grid.ts";

/** Colours that colour-blind readers can tell apart, on white and on black. */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ["#2a78d6", "#5b9cf0"],
  ["#e07b00", "#f0a03c"],
  ["#129a68", "#38c08c"],
  ["#b0388f", "#e07cc4"],
  ["#d23f3c", "#f07d78"],
  ["#6a51c4", "#a794f2"],
  ["#7d7300", "#cdbf3a"],
  ["#0a8c9c", "#48c2d2"],
];
const DASHES = ["none", "7 4", "2 3", "9 3 2 3", "4 2"];

/** The colour class of a row: one for each estimator; the baseline is grey. */
export function colourOf({ labels, rows }: Grid, row: number): string {
  const { label } = rows[row]!;
  if (label === FLOAT32) return "c-base";
  return `c${labels.filter((other) => other !== FLOAT32).indexOf(label) % COLOURS.length}`;
}

/** The dash class of a row's lines: one for each combination of varied values. */
export function dashOf({ labels }: Grid, row: number): string {
  return `d${Math.floor(row / labels.length) % DASHES.length}`;
}

/** The style sheet. */
export function style(rows: number): string {
  const classes = (dark: 0 | 1) => COLOURS.map((pair, i) => `.c${i}{--c:${pair[dark]}}`).join("");
  const dashes = DASHES.map((dash, i) => `.d${i}{stroke-dasharray:${dash}}`).join("");
  const fade = Array.from(
    { length: rows },
    (_, i) => `main:has([data-row="${i}"]:hover) .line:not(.r${i}){opacity:.12}`,
  ).join("\n");
  return `:root{color-scheme:light dark;--ink:#1c2126;--soft:#5d6670;--rule:#dfe3e8;--page:#fff;--card:#f7f8fa}
${classes(0)}.c-base{--c:#6b747e}
@media (prefers-color-scheme:dark){
:root{--ink:#e8ebee;--soft:#9aa4ae;--rule:#333b43;--page:#14181c;--card:#1b2026}
${classes(1)}.c-base{--c:#aab3bc}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1320px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:44px 0 10px}
p{margin:0 0 12px;max-width:76ch}.soft,figcaption span{color:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:7px 12px 7px 0;text-align:left;border-bottom:1px solid var(--rule)}
th{font-weight:600;color:var(--soft);font-size:13px}
.right{text-align:right}tbody tr:hover{background:var(--card)}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;background:var(--c);margin-right:8px}
ul{margin:14px 0 0;padding:0;list-style:none;color:var(--soft);font-size:13.5px}
.pair,.panels{display:grid;gap:18px;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}
figure{margin:0;background:var(--card);border-radius:10px;padding:14px 14px 8px}
.panels figure{max-width:620px}
figcaption{font-size:14px;margin-bottom:6px}figcaption span{margin-left:10px;font-size:13px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font-size:11.5px}
.grid{stroke:var(--rule);fill:none}
.line{stroke:var(--c);fill:none;stroke-width:1.5;stroke-linejoin:round}
circle.line{fill:var(--c);stroke:none}
.band{fill:var(--c);fill-opacity:.28;stroke:var(--c);stroke-width:.8;stroke-opacity:.75}
.used{fill:none;stroke:var(--ink);stroke-width:1.6;stroke-linejoin:round}
${dashes}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 12px;font-size:14px;color:var(--ink)}
.key svg{display:inline-block;width:30px;height:10px;margin-right:8px;vertical-align:middle}
.key .line{stroke-width:2.5}.key li{cursor:default}
select{font:inherit;padding:6px 10px;border:1px solid var(--rule);border-radius:7px;background:var(--card);color:var(--ink);margin-left:8px}
.gap{display:inline-block;width:56px;height:14px;margin-right:8px;vertical-align:middle}
.gap .zero{stroke:var(--soft);stroke-dasharray:2 2}.gap .interval{stroke:var(--c);stroke-width:2}.gap circle{fill:var(--c)}
${fade}`;
}
