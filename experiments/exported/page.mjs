/**
 * Does a job in a page: in ONNX Runtime web on WASM or WebGPU, or in LiteRT. The server is `browser.ts`.
 *
 * @module
 */
import { doJob } from "./job.mjs";

const bytes = async (path) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};
const post = (path, body) => fetch(path, { method: "POST", body });

/** ONNX Runtime web. */
async function onnx({ shape, threads, provider }) {
  // The other builds with WebGPU compute code − zero without a sign, and answer at random.
  const build = provider === "webgpu" ? "ort.webgpu.min.mjs" : "ort.wasm.min.mjs";
  const ort = await import(`/packages/onnxruntime-web/dist/${build}`);
  ort.env.wasm.wasmPaths = `${location.origin}/packages/onnxruntime-web/dist/`;
  ort.env.wasm.numThreads = threads;
  const open = async (model, { level = "all", outputs }) => {
    const session = await ort.InferenceSession.create(await bytes(`/job/${model}`), {
      graphOptimizationLevel: level,
      executionProviders: [provider],
    });
    return async (pixels, n) => {
      const image = new ort.Tensor("uint8", pixels, [n, ...shape]);
      const values = await session.run({ [session.inputNames[0]]: image }, outputs);
      return Object.fromEntries(outputs.map((name) => [name, values[name].data]));
    };
  };
  return { version: ort.env.versions.web, open };
}

/** LiteRT, by XNNPACK in WASM. */
async function liteRt({ shape, threads }) {
  const { loadLiteRt, Tensor } = await import("/packages/@litertjs/core/dist/index.js");
  const { version } = await (await fetch("/packages/@litertjs/core/package.json")).json();
  const runtime = await loadLiteRt("/packages/@litertjs/core/wasm/", { threads: threads > 1 });
  const open = async (model, { outputs }) => {
    const cpuOptions = { numThreads: threads };
    const network = await runtime.loadAndCompile(await bytes(`/job/${model}`), {
      accelerator: "wasm",
      cpuOptions,
    });
    return async (pixels) => {
      const image = new Tensor(pixels, [1, ...shape]), [output] = await network.run(image);
      const values = output.toTypedArray().slice();
      for (const tensor of [image, output]) tensor.delete();
      return { [outputs[0]]: values };
    };
  };
  return { version, open };
}

/** The name of the GPU, if the job is for one. */
async function device({ provider }) {
  if (provider !== "webgpu") return `WASM, ${crossOriginIsolated ? "threads" : "no threads"}`;
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error("the browser has no WebGPU adapter");
  const { vendor, architecture, description } = adapter.info;
  return [vendor, architecture, description].filter(Boolean).join(" ");
}

try {
  const job = await (await fetch("/job/job.json")).json();
  const where = await device(job);
  const { version, open } = await (job.library === "litert" ? liteRt(job) : onnx(job));
  const tasks = await doJob(job, {
    open,
    read: (file) => bytes(`/job/${file}`),
    write: (file, values) => post(`/job/${file}`, values),
  });
  await post("/job/result.json", JSON.stringify({ version, device: where, tasks }));
} catch (error) {
  await post("/job/result.json", JSON.stringify({ error: String(error?.stack ?? error) }));
}
