/**
 * A page about runs: a title and sections, in one file that loads nothing.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { escape } from "./escape.ts";
import tables from "./page.js" with { type: "text" };
import readout from "./plot/readout.js" with { type: "text" };
import { STYLE } from "./style.ts";

/** The script of every page. */
const script: string = tables + readout;

/** A part of a page. A live page replaces the sections that have changed. */
export interface Section {
  /** Its `id` on the page. */
  readonly id: string;
  /** Its heading. */
  readonly title: string;
  /** What is below the heading, as HTML. */
  readonly html: string;
}

/** What every page says of its origin: a file without it is somebody's own. */
export const PAGE_MARK = '<meta name="generator" content="qtrain">';

/** What a page is made of. */
export interface Page {
  readonly title: string;
  /** Below the title, as HTML. */
  readonly lead?: string;
  readonly sections: readonly Section[];
  /** Versions of the sections by id, for a live page. */
  readonly versions?: ReadonlyMap<string, string>;
  /** Rules after those of every page. */
  readonly style?: string;
  /** A script after that of every page. */
  readonly script?: string;
}

/** Scripts of a page, which its policy lets run: no other does. */
export function scriptHashes({ script: own = "" }: Pick<Page, "script"> = {}): string {
  return [script, own].filter((text) => text !== "")
    .map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
}

/** The document. */
export function pageHtml(page: Page): string {
  const { title, lead = "", sections, versions, style = "", script: own = "" } = page;
  const policy =
    `default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; ` +
    `script-src ${scriptHashes(page)}; base-uri 'none'; form-action 'none'`;
  const links = sections.map(({ id, title }) => `<li><a href="#${id}">${escape(title)}</a></li>`);
  const body = sections.map(({ id, title, html }) => {
    const version = versions?.get(id);
    return `<section id="${id}" aria-labelledby="${id}-title"${
      version === undefined ? "" : ` data-version="${version}"`
    }><h2 id="${id}-title">${escape(title)}</h2><div data-live>${html}</div></section>`;
  });
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
${PAGE_MARK}
<title>${escape(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${sections.length > 1 ? `<nav aria-label="Sections"><ul>${links.join("")}</ul></nav>` : ""}
<main id="content">
<h1>${escape(title)}</h1>
${lead}
${body.join("\n")}
</main>
<script>${script}</script>${own === "" ? "" : `\n<script>${own}</script>`}
</body>
</html>
`;
}
