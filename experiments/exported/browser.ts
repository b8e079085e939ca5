/**
 * Does a job in a page of headless Chromium.
 *
 * @module
 */

const TYPES: Record<string, string> = {
  html: "text/html",
  mjs: "text/javascript",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** Pages share memory between threads only with these. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const PAGE = `<!DOCTYPE html>
<script type="importmap">
{ "imports": { "@litertjs/wasm-utils": "/packages/@litertjs/wasm-utils/dist/index.js" } }
</script>
<script type="module" src="/page.mjs"></script>`;

/** Reads a file below a folder. */
async function file(path: string): Promise<Response> {
  if (path.includes("/../")) return new Response("no such file", { status: 404 });
  try {
    const headers = {
      ...ISOLATED,
      "content-type": TYPES[path.split(".").at(-1)!] ?? "application/octet-stream",
    };
    return new Response((await Deno.open(path)).readable, { headers });
  } catch {
    return new Response("no such file", { status: 404 });
  }
}

/**
 * Does the job of a folder, which has `job.json` and gets `result.json`.
 *
 * @param browser the program
 * @param packages the folder of packages
 * @param seconds after which it is given up
 */
export async function doInBrowser(
  browser: string,
  packages: string,
  folder: string,
  seconds: number,
): Promise<void> {
  const done = Promise.withResolvers<void>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url), [, room, ...rest] = pathname.split("/");
    const path = decodeURIComponent(rest.join("/"));
    if (pathname === "/") {
      return new Response(PAGE, { headers: { ...ISOLATED, "content-type": "text/html" } });
    }
    if (room === "packages") return await file(`${packages}/node_modules/${path}`);
    if (room === "job" && request.method === "GET") return await file(`${folder}/${path}`);
    if (room === "job" && /^[\w.-]+$/.test(path)) {
      await Deno.writeFile(`${folder}/${path}`, request.body!);
      if (path === "result.json") done.resolve();
      return new Response("", { headers: ISOLATED });
    }
    return await file(new URL(`.${pathname}`, import.meta.url).pathname);
  });
  const profile = await Deno.makeTempDir();
  const child = new Deno.Command(browser, {
    args: [
      "--headless=new",
      "--no-sandbox",
      "--no-first-run",
      "--enable-unsafe-webgpu",
      "--enable-features=Vulkan",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${server.addr.port}/`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const late = setTimeout(
    () => done.reject(new Error(`no answer within ${seconds} s`)),
    1000 * seconds,
  );
  const ended = child.status.then(() => done.reject(new Error(`${browser} has ended early`)));
  try {
    await done.promise;
  } finally {
    clearTimeout(late);
    try {
      child.kill("SIGTERM");
    } catch { /* It has ended. */ }
    await ended;
    await server.shutdown();
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}
