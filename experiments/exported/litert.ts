/**
 * Runs a TFLite file in LiteRT: `@litertjs/core` in headless Chromium, on its CPU with XNNPACK.
 *
 * @module
 */
/** Packages by the folder that the page finds them in. They are for browsers: no types are taken. */
const PACKAGES: Readonly<Record<string, string>> = {
  core: "npm:@litertjs/core@2.5.3",
  utils: "npm:@litertjs/wasm-utils@2.5.3",
};

/** What LiteRT made of a model. */
export interface LitertResult {
  /** Values of each output by name, [count, …]. */
  readonly outputs: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** Milliseconds for an image: the median over all of them, one at a time. */
  readonly milliseconds: number;
  /** Whether all operators run in the accelerator that LiteRT calls its CPU's. */
  readonly accelerated: boolean;
}

/**
 * Runs images through models, one at a time.
 *
 * @param models TFLite files
 * @param images uint8 [count, h, w, c]
 * @param chromium the browser
 * @param threads of the CPU
 */
export async function runLitert(
  models: readonly Uint8Array<ArrayBuffer>[],
  images: Uint8Array<ArrayBuffer>,
  count: number,
  { chromium = "/usr/bin/chromium", threads = 1 } = {},
): Promise<LitertResult[]> {
  // What has been imported is on disk, where it can be served from.
  for (const name of Object.values(PACKAGES)) await import(name);
  const log: string[] = [], done = Promise.withResolvers<Omit<LitertResult, "outputs">[]>();
  const outputs = models.map(() => new Map<string, Float32Array<ArrayBuffer>>());
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/") return answer(page(models.length, count, threads), "text/html");
      if (pathname === "/model") {
        return answer(models[Number(searchParams.get("place"))]!, "application/octet-stream");
      }
      if (pathname === "/images") return answer(images, "application/octet-stream");
      if (pathname === "/output") {
        const place = Number(searchParams.get("place")), name = searchParams.get("name")!;
        outputs[place]!.set(name, new Float32Array(await request.arrayBuffer()));
      } else if (pathname === "/log") {
        const line = await request.text();
        log.push(line);
        // LiteRT goes on with what was in memory.
        if (/^ERROR/.test(line)) done.reject(new Error(`LiteRT: ${log.join("\n")}`));
      } else if (pathname === "/done") done.resolve(await request.json());
      else if (pathname === "/failed") {
        done.reject(new Error(`LiteRT: ${await request.text()}\n${log.join("\n")}`));
      } else {
        const [, folder = "", path = ""] = /^\/(\w+)\/(.*)$/.exec(pathname) ?? [];
        const file = new URL(
          `../${path}`,
          import.meta.resolve(PACKAGES[folder] ?? import.meta.url),
        );
        const type = pathname.endsWith(".wasm") ? "application/wasm" : "text/javascript";
        const bytes = await Deno.readFile(file).catch(() => undefined);
        return bytes ? answer(bytes, type) : new Response(null, { status: 404 });
      }
      return answer("", "text/plain");
    },
  );
  const profile = await Deno.makeTempDir();
  const browser = new Deno.Command(chromium, {
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`]
      .concat(`http://127.0.0.1:${server.addr.port}/`),
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = browser.status.then(({ code }) => {
    throw new Error(`${chromium} ended with ${code}: ${log.join("\n")}`);
  });
  ended.catch(() => {});
  try {
    const results = await Promise.race([done.promise, ended]);
    return results.map((result, place) => ({ outputs: outputs[place]!, ...result }));
  } finally {
    try {
      browser.kill();
    } catch {
      // It has ended.
    }
    await browser.status;
    await server.shutdown();
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

function answer(body: BodyInit, type: string): Response {
  return new Response(body, {
    headers: {
      "content-type": type,
      // Threads need shared memory, which a page has only with these.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    },
  });
}

function page(models: number, count: number, threads: number): string {
  return `<!doctype html><script type="importmap">{"imports": {
  "@litertjs/core": "/core/dist/index.js",
  "@litertjs/wasm-utils": "/utils/dist/index.js"
}}</script><script type="module">
const post = (path, body) => fetch(path, { method: "POST", body });
const pending = [];
for (const level of ["log", "info", "warn", "error"]) {
  console[level] = (...words) => pending.push(post("/log", words.join(" ")));
}
async function run(model, images, place) {
  const [{ name: input, shape }] = model.getInputDetails();
  const names = model.getOutputDetails().map(({ name }) => name);
  const results = names.map(() => []), times = [], size = images.length / ${count};
  for (let image = 0; image < ${count}; image++) {
    const x = new Tensor(images.slice(image * size, (image + 1) * size), [...shape]);
    const start = performance.now();
    const outputs = await model.run({ [input]: x });
    const values = names.map((name) => outputs[name].toTypedArray().slice());
    times.push(performance.now() - start);
    x.delete();
    names.forEach((name, i) => {
      results[i].push(values[i]);
      outputs[name].delete();
    });
  }
  for (const [i, name] of names.entries()) {
    const query = new URLSearchParams({ place, name });
    await post("/output?" + query, await new Blob(results[i]).arrayBuffer());
  }
  times.sort((a, b) => a - b);
  return { milliseconds: times[times.length >> 1], accelerated: model.isFullyAccelerated };
}
let Tensor;
try {
  const litert = await import("@litertjs/core");
  Tensor = litert.Tensor;
  await litert.loadLiteRt("/core/wasm/", { threads: ${threads > 1} });
  const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const images = await bytes("/images"), results = [];
  for (let place = 0; place < ${models}; place++) {
    const model = await litert.loadAndCompile(await bytes("/model?place=" + place), {
      accelerator: "wasm",
      cpuOptions: { numThreads: ${threads} },
    });
    results.push(await run(model, images, place));
    model.delete();
  }
  await Promise.all(pending);
  await post("/done", JSON.stringify(results));
} catch (error) {
  await Promise.all(pending);
  await post("/failed", String(error) + (error.stack ?? ""));
}
</script>`;
}
