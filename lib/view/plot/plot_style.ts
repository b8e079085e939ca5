/**
 * The rules of a style sheet for the figures of this folder. The page defines the colours: `--ink`,
 * `--soft`, `--rule`, `--page`, `--card`, `--bad`, and `--c` for each class of a colour.
 *
 * @module
 */

/** Shades of the cells of a confusion matrix. */
const SHADES = [0.16, 0.3, 0.45, 0.6, 0.8, 1];

/** The rules. */
export const PLOT_STYLE: string =
  `figure svg{display:block;width:100%;height:auto;touch-action:pan-y}
svg text{fill:var(--soft);font-size:11.5px;font-family:system-ui,sans-serif}
.grid{stroke:var(--rule);fill:none}.frame{fill:none;stroke:var(--rule)}
.line{stroke:var(--c);fill:none;stroke-width:1.6;stroke-linejoin:round}
.faint{stroke-width:1;stroke-opacity:.32}.dash{stroke-dasharray:5 4}.ideal{stroke:var(--soft);stroke-dasharray:3 3;fill:none}
circle.line{fill:var(--c);stroke:none}
.epoch{stroke:var(--rule);stroke-dasharray:2 4;fill:none}
circle.skipped{fill:var(--bad)}path.skipped{stroke:none;fill:none}
.band{fill:var(--c);fill-opacity:.28;stroke:var(--c);stroke-width:.8;stroke-opacity:.75}
.used{fill:none;stroke:var(--ink);stroke-width:1.6;stroke-linejoin:round}circle.used{fill:var(--ink)}
.bar{fill:var(--c)}.seen{stroke:var(--c);stroke-width:7;stroke-opacity:.45}.range{stroke:var(--ink);stroke-width:1.6;fill:none}.overview{max-width:980px}
.cursor path{stroke:var(--soft);fill:none}.cursor circle{fill:var(--c);stroke:var(--page)}
.readout{margin:4px 0 2px;min-height:1.5em;font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums;max-width:none;overflow-wrap:anywhere}
.cells{max-width:860px}.cells path{fill:var(--right)}.cells path.wrong{fill:var(--bad)}.cells path.frame{fill:none}.cells path:hover:not(.frame){stroke:var(--ink)}
${SHADES.map((opacity, i) => `.s${i + 1}{fill-opacity:${opacity}}`).join("")}
:root{--right:#2a78d6}
table.matrix{width:auto}
table.matrix td,table.matrix th{padding:4px 7px;border:1px solid var(--page);text-align:center;font-size:13px;white-space:nowrap}
table.matrix tbody th{text-align:right;border:0;font-weight:400}
table.matrix thead th{border:0;vertical-align:bottom;font-weight:400}
table.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block}
table.matrix tbody td{min-width:40px;background:color-mix(in srgb,var(--right) calc(var(--s,0)*100%),var(--card))}
table.matrix tbody td.wrong{background:color-mix(in srgb,var(--bad) calc(var(--s)*100%),var(--card))}
table.matrix td.zero{color:var(--soft)}table.matrix td.strong{color:var(--page)}
@media (prefers-color-scheme:dark){:root{--right:#5b9cf0}}
@media (max-width:600px){figure svg text{font-size:14px}figure svg.cells text{font-size:13px}table.matrix caption{max-width:80vw}table.matrix tbody th{position:sticky;left:0;background:var(--card);max-width:11ch;overflow:hidden;text-overflow:ellipsis}}`;
