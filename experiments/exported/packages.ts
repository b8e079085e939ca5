/**
 * The runtimes, as packages of npm, and jobs in them.
 *
 * @module
 */
import { doInBrowser } from "./browser.ts";

/** The packages with the versions that were measured. */
const PACKAGES = [
  "onnxruntime-node@1.30.0",
  "onnxruntime-web@1.30.0",
  "@litertjs/core@2.5.3",
];

/** Names under which Chromium is installed. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];

/** Seconds that a job may take. */
const MAX_SECONDS = 1800;

/** What is missing for a runtime, or what it said: the others go on. */
export class RuntimeError extends Error {}

/** What is to be done; `job.mjs` has the meaning. */
export interface Task {
  readonly kind: "answer" | "time" | "open";
  readonly models: readonly string[];
  readonly outputs: readonly string[];
  /** ONNX Runtime's level of optimization. */
  readonly level?: string;
  /** File that gets ONNX Runtime's optimized network. */
  readonly optimized?: string;
  readonly batch?: number;
  /** Number of images to answer. */
  readonly count?: number;
  /** Start of the names of files that get the outputs. */
  readonly out?: string;
  readonly rounds?: number;
  /** Milliseconds of a turn. */
  readonly ms?: number;
}

/** Where a job is done. */
export interface Place {
  readonly library: "onnxruntime-node" | "onnxruntime-web" | "litert";
  readonly provider?: "wasm" | "webgpu";
  readonly threads: number;
}

/** What a runtime found. */
export interface JobResult {
  readonly version: string;
  readonly device: string;
  readonly tasks: readonly {
    readonly error?: string;
    /** Milliseconds an image, by network and turn. */
    readonly times?: readonly (readonly number[])[];
  }[];
}

/** Programs and packages that run files. */
export class Runtimes {
  private constructor(readonly packages: string, readonly browser: string | undefined) {}

  /**
   * Installs the packages, unless they are there.
   *
   * @param packages the folder for them
   * @param browser a program; by default Chromium, if it is found
   */
  static async open(packages: string, browser?: string): Promise<Runtimes> {
    const there = await Deno.stat(`${packages}/node_modules/onnxruntime-web`).catch(() =>
      undefined
    );
    if (!there) {
      await output("npm", [
        ...["install", "--prefix", packages, "--ignore-scripts", "--no-audit", "--no-fund"],
        ...PACKAGES,
      ]);
    }
    if (browser !== undefined) return new Runtimes(packages, browser);
    for (const name of BROWSERS) {
      if (await output(name, ["--version"]).catch(() => undefined)) {
        return new Runtimes(packages, name);
      }
    }
    return new Runtimes(packages, undefined);
  }

  /**
   * Does tasks.
   *
   * @param folder has the models and `images.bin`, and gets what the tasks write
   * @throws RuntimeError when the runtime does not start
   */
  async do(
    folder: string,
    place: Place,
    shape: readonly number[],
    tasks: readonly Task[],
  ): Promise<JobResult> {
    const job = { images: "images.bin", shape, ...place, tasks };
    await Deno.writeTextFile(`${folder}/job.json`, JSON.stringify(job));
    await Deno.remove(`${folder}/result.json`).catch(() => {});
    if (place.library === "onnxruntime-node") {
      const script = new URL("node.mjs", import.meta.url).pathname;
      await output("node", [script, this.packages, folder]);
    } else {
      if (this.browser === undefined) {
        throw new RuntimeError("no Chromium: install it, or name one with --browser PROGRAM");
      }
      await doInBrowser(this.browser, this.packages, folder, MAX_SECONDS).catch((error) => {
        throw new RuntimeError(error.message);
      });
    }
    const result = JSON.parse(await Deno.readTextFile(`${folder}/result.json`));
    if (result.error !== undefined) throw new RuntimeError(result.error);
    return result;
  }
}

/** @throws RuntimeError when the program is missing or fails */
async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] })
      .output();
    if (success) return new TextDecoder().decode(stdout);
    throw new RuntimeError(`${program}: ${new TextDecoder().decode(stderr).trim().slice(-2000)}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new RuntimeError(`${program} not found: install Node with npm`);
  }
}
