/**
 * Runs before `deno task test` and `deno task bench`, which need a GPU: installs a software Vulkan
 * driver if there is none, or prints what to install. Prints nothing if there is a driver. Always exits
 * with 0: without an adapter, tests of the GPU are left out. `QTRAIN_NO_INSTALL=1` keeps it from
 * installing.
 *
 * How it finds out. Without a Vulkan driver, Deno returns an OpenGL adapter that cannot be recognized:
 * with Mesa, `adapter.info` is identical for both, and which features and limits differ depends on the
 * driver. `DENO_WEBGPU_BACKEND` limits wgpu to the native backends: then there is an adapter or none.
 * wgpu reads that variable and loads drivers once in a process, at the first request, so only a new
 * process sees a driver that was just installed. Hence this process asks first, and a child asks
 * again after the installation.
 *
 * @module
 */

const NATIVE_BACKENDS = "vulkan,metal,dx12";
const PACKAGE = "mesa-vulkan-drivers";

/** The facts to decide by. */
export interface Situation {
  /** Whether Vulkan, Metal or Direct3D 12 has an adapter. */
  readonly hasAdapter: boolean;
  /** `Deno.build.os`. */
  readonly os: string;
  /** Whether `QTRAIN_NO_INSTALL` is set. */
  readonly optOut: boolean;
  /** The variable that limits the Vulkan loader to some drivers, if one is set. */
  readonly driverVariable: string | undefined;
  /** Whether `apt-get` is there. */
  readonly aptGet: boolean;
  /** How to become root without a password. */
  readonly root: "already" | "sudo" | "no";
}

/** What to do. */
type Decision =
  | { readonly action: "nothing" }
  | { readonly action: "advise"; readonly line: string }
  | { readonly action: "install"; readonly line: string; readonly prefix: readonly string[] };

const CONTINUES = "continuing without a GPU";

/** Decides what to do. */
export function decide(situation: Situation): Decision {
  const { hasAdapter, os, optOut, driverVariable, aptGet, root } = situation;
  if (hasAdapter) return { action: "nothing" };
  if (os !== "linux") {
    const line = `no WebGPU adapter found: update the graphics driver; ${CONTINUES}`;
    return { action: "advise", line };
  }
  if (driverVariable !== undefined) {
    const line = `no Vulkan driver found where ${driverVariable} points: unset it; ${CONTINUES}`;
    return { action: "advise", line };
  }
  if (optOut || !aptGet || root === "no") {
    const line = aptGet
      ? `no Vulkan driver found: run \`sudo apt-get install ${PACKAGE}\`; ${CONTINUES}`
      : `no Vulkan driver found: install one (the package of Mesa's Vulkan drivers); ${CONTINUES}`;
    return { action: "advise", line };
  }
  return {
    action: "install",
    line: `no Vulkan driver found, which WebGPU needs: installing ${PACKAGE} with apt-get`,
    prefix: root === "sudo" ? ["sudo", "-n"] : [],
  };
}

/** The system, as {@linkcode setUpAdapter} uses it; tests replace it. */
export interface Host {
  /** `Deno.build.os`. */
  readonly os: string;
  /** The user id; null on Windows. */
  uid(): number | null;
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** Whether a native backend has an adapter, asked in this or in a new process. */
  hasAdapter(where: "here" | "new process"): Promise<boolean>;
  /** Runs a command; code 127 if it does not exist. */
  run(command: readonly string[]): Promise<{ code: number; output: string }>;
  /** Prints a line for the person. */
  print(text: string): void;
}

/** Installs a driver or prints advice if there is none. Never throws when a command fails. */
export async function setUpAdapter(host: Host): Promise<void> {
  if (await host.hasAdapter("here")) return;
  const decision = decide(await situationOf(host));
  if (decision.action === "nothing") return;
  host.print(decision.line);
  if (decision.action === "advise") return;

  const apt = [...decision.prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq"];
  const waits = ["-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::http::Timeout=20"];
  // A package source may fail while another one has the package.
  const update = await host.run([...apt, ...waits, "update"]);
  const install = await host.run([...apt, ...waits, "install", "--no-install-recommends", PACKAGE]);
  if (install.code !== 0) {
    for (const output of [update.output, install.output]) {
      if (output.trim() !== "") host.print(output.trimEnd());
    }
    host.print(`cannot install ${PACKAGE}: install it manually; ${CONTINUES}`);
  } else if (!await host.hasAdapter("new process")) {
    host.print(`${PACKAGE} is installed, but there is still no Vulkan adapter; ${CONTINUES}`);
  }
}

async function situationOf(host: Host): Promise<Situation> {
  const linux = host.os === "linux";
  const succeeds = async (...command: string[]): Promise<boolean> =>
    linux && (await host.run(command)).code === 0;
  const optOut = !["", "0", undefined].includes(host.env("QTRAIN_NO_INSTALL"));
  const root = host.uid() === 0
    ? "already"
    : !optOut && await succeeds("sudo", "-n", "true")
    ? "sudo"
    : "no";
  return {
    hasAdapter: false,
    os: host.os,
    optOut,
    driverVariable: ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].find((name) => host.env(name)),
    aptGet: await succeeds("apt-get", "--version"),
    root,
  };
}

/** Whether a native backend has an adapter. Must come before any other WebGPU call. */
async function nativeAdapter(): Promise<boolean> {
  Deno.env.set("DENO_WEBGPU_BACKEND", NATIVE_BACKENDS);
  // Any value will do; without one, Mesa prints two lines for each request.
  if (!Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  return await navigator.gpu.requestAdapter() !== null;
}

async function run(command: readonly string[]): Promise<{ code: number; output: string }> {
  const [program, ...args] = command;
  try {
    const { code, stdout, stderr } = await new Deno.Command(program!, { args, stdin: "null" })
      .output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { code: 127, output: "" };
    throw error;
  }
}

async function main(): Promise<void> {
  if (Deno.args[0] === "--probe") Deno.exit(await nativeAdapter() ? 0 : 3);
  await setUpAdapter({
    os: Deno.build.os,
    uid: () => Deno.uid(),
    env: (name) => Deno.env.get(name),
    hasAdapter: async (where) => {
      if (where === "here") return await nativeAdapter();
      const child = [Deno.execPath(), "run", "-A", import.meta.filename!, "--probe"];
      return (await run(child)).code === 0;
    },
    run,
    print: (text) => console.error(text),
  });
}

if (import.meta.main) await main();
