/**
 * Does a job in ONNX Runtime on Node: `node node.mjs PACKAGES FOLDER`. FOLDER has `job.json`, and gets
 * `result.json`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { doJob } from "./job.mjs";

const [packages, folder] = process.argv.slice(2);
const ort = createRequire(`${packages}/x.js`)("onnxruntime-node");
const job = JSON.parse(readFileSync(`${folder}/job.json`, "utf8"));

const tasks = await doJob(job, {
  read: (file) => new Uint8Array(readFileSync(`${folder}/${file}`)),
  write: (file, values) => writeFileSync(`${folder}/${file}`, values),
  async open(model, { level = "all", threads = 1, outputs, optimized }) {
    const session = await ort.InferenceSession.create(`${folder}/${model}`, {
      graphOptimizationLevel: level,
      intraOpNumThreads: threads,
      ...(optimized ? { optimizedModelFilePath: `${folder}/${optimized}` } : {}),
    });
    return async (pixels, n) => {
      const image = new ort.Tensor("uint8", pixels, [n, ...job.shape]);
      const values = await session.run({ [session.inputNames[0]]: image }, outputs);
      return Object.fromEntries(outputs.map((name) => [name, values[name].data]));
    };
  },
});
const result = { version: ort.env.versions.node, device: "CPU", tasks };
writeFileSync(`${folder}/result.json`, JSON.stringify(result));
