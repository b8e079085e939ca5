/**
 * Opens a page of a folder in Chromium, chooses images in it one after the other, and prints what the page
 * answers, a line each: `node exported_browser.mjs PACKAGES BROWSER FOLDER PAGE IMAGE…`. What the page
 * loads from cdn.jsdelivr.net comes from PACKAGES/node_modules.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [packages, program, folder, name, ...images] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/x.js`)("playwright-core");
const MAX_MS = 60_000;
const TYPES = {
  html: "text/html",
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
};
const typeOf = (path) => TYPES[path.split(".").at(-1)] ?? "application/octet-stream";

const server = createServer(async (request, response) => {
  const path = `${folder}${decodeURIComponent(request.url)}`;
  const body = await readFile(path).catch(() => undefined);
  response.writeHead(body ? 200 : 404, { "content-type": typeOf(path) }).end(body);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(MAX_MS);
  page.on("pageerror", (error) => console.error(error.message));
  await page.route("https://cdn.jsdelivr.net/npm/**", async (route) => {
    const [, of, path] = /\/npm\/((?:@[^/]+\/)?[^/@]+)@[^/]+(\/.*)$/.exec(route.request().url());
    const body = await readFile(`${packages}/node_modules/${of}${path}`);
    const headers = { "access-control-allow-origin": "*" };
    await route.fulfill({ body, contentType: typeOf(path), headers });
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/${encodeURIComponent(name)}`);
  await page.waitForSelector("input:enabled");
  const answer = () => document.querySelector("output").value;
  for (const image of images) {
    await page.evaluate(() => document.querySelector("output").value = "");
    await page.setInputFiles("input", image);
    await page.waitForFunction(answer);
    console.log(await page.evaluate(answer));
  }
} finally {
  await browser.close();
  server.close();
}
