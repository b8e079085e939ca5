/**
 * The step before `deno task quickstart` and `deno task test`: gives a machine without a Vulkan
 * driver a software one, or says in one line what to install. Silent where there is nothing to do.
 * Always exits 0: without an adapter, qtrain goes on with `--device cpu`. `QTRAIN_NO_INSTALL=1`
 * keeps it from installing anything.
 *
 * How to tell. Without a Vulkan driver Deno hands out an OpenGL adapter, and nothing on it says
 * so: with Mesa, `adapter.info` is the same text, number for number, on both, and which features
 * and limits differ is up to the driver. So the question is put to wgpu itself:
 * `DENO_WEBGPU_BACKEND` limits it to the native backends, and then there is an adapter or none.
 * wgpu reads that variable, and looks for drivers, once in a process, at the first request: a
 * driver that is installed later is seen by a new process only. Hence this one asks before
 * anything else does, and asks again in a child.
 *
 * @module
 */

const NATIVE_BACKENDS = "vulkan,metal,dx12";
const PACKAGE = "mesa-vulkan-drivers";

/** What the decision rests on. */
export interface Situation {
  /** Whether Vulkan, Metal or DirectX 12 gave an adapter. */
  readonly hasAdapter: boolean;
  /** `Deno.build.os`. */
  readonly os: string;
  /** Whether `QTRAIN_NO_INSTALL` is set. */
  readonly optOut: boolean;
  /** A variable that tells the Vulkan loader which drivers to see, if one is set. */
  readonly driverVariable: string | undefined;
  /** Whether `apt-get` runs here. */
  readonly aptGet: boolean;
  /** How commands get to be root, if they can without asking. */
  readonly root: "already" | "sudo" | "no";
}

/** What to do about it. */
export type Decision =
  | { readonly action: "nothing" }
  | { readonly action: "advise"; readonly line: string }
  | { readonly action: "install"; readonly line: string; readonly prefix: readonly string[] };

const GOES_ON = "going on without, with --device cpu (slow)";

/** Decides from the situation alone. */
export function decide(situation: Situation): Decision {
  const { hasAdapter, os, optOut, driverVariable, aptGet, root } = situation;
  if (hasAdapter) return { action: "nothing" };
  if (os !== "linux") {
    const line = `no WebGPU adapter found: update the graphics driver; ${GOES_ON}`;
    return { action: "advise", line };
  }
  if (driverVariable !== undefined) {
    const line = `no Vulkan driver found where ${driverVariable} points: unset it; ${GOES_ON}`;
    return { action: "advise", line };
  }
  if (optOut || !aptGet || root === "no") {
    const line = aptGet
      ? `no Vulkan driver found: run \`sudo apt-get install ${PACKAGE}\`; ${GOES_ON}`
      : `no Vulkan driver found: install one (the package of Mesa's Vulkan drivers); ${GOES_ON}`;
    return { action: "advise", line };
  }
  return {
    action: "install",
    line: `no Vulkan driver found, which WebGPU needs: installing ${PACKAGE} with apt-get`,
    prefix: root === "sudo" ? ["sudo", "-n"] : [],
  };
}

/** What {@linkcode setUpAdapter} needs of the world, so that tests can stand in for it. */
export interface Host {
  /** `Deno.build.os`. */
  readonly os: string;
  /** The user's id; null where there is none. */
  uid(): number | null;
  /** A variable of the environment. */
  env(name: string): string | undefined;
  /** Whether a native backend gives an adapter: asked here, or in a new process. */
  hasAdapter(where: "here" | "new process"): Promise<boolean>;
  /** Runs a command to its end; code 127 where there is no such command. */
  run(command: readonly string[]): Promise<{ code: number; output: string }>;
  /** Tells the person one thing. */
  say(text: string): void;
}

/** Looks, decides, and installs or advises. Does not throw for anything that a command does. */
export async function setUpAdapter(host: Host): Promise<void> {
  if (await host.hasAdapter("here")) return;
  const decision = decide(await situationOf(host));
  if (decision.action === "nothing") return;
  host.say(decision.line);
  if (decision.action === "advise") return;

  const apt = [...decision.prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq"];
  const waits = ["-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::http::Timeout=20"];
  // A package source that fails is no reason to stop: another may have the package.
  const update = await host.run([...apt, ...waits, "update"]);
  const install = await host.run([...apt, ...waits, "install", "--no-install-recommends", PACKAGE]);
  if (install.code !== 0) {
    for (const output of [update.output, install.output]) {
      if (output.trim() !== "") host.say(output.trimEnd());
    }
    host.say(`could not install ${PACKAGE}: install it by hand; ${GOES_ON}`);
  } else if (!await host.hasAdapter("new process")) {
    host.say(`${PACKAGE} is installed and there is still no Vulkan adapter; ${GOES_ON}`);
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

/** Whether a native backend gives an adapter. Right only before any other WebGPU call. */
async function nativeAdapter(): Promise<boolean> {
  Deno.env.set("DENO_WEBGPU_BACKEND", NATIVE_BACKENDS);
  // Any value: unset, Mesa prints two lines of noise for each request.
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
    say: (text) => console.error(text),
  });
}

if (import.meta.main) await main();
