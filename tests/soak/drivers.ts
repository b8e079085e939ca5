/**
 * `deno task test:drivers [DRIVER…] [FILE…] [OPTION…]`: runs the tests of kernels on every software driver
 * that is installed, one after the other, and prints a table. DRIVER is `lavapipe`, `swiftshader` or
 * `opengl`; FILE and OPTION are those of `deno task test`, in place of the files below.
 *
 * A driver that is not installed is a row of the table that says what to install. Exits with 1 when a test
 * failed, or when Deno opened another adapter than the one that was asked for.
 *
 * The drivers differ in what the adapters of users differ in too: SwiftShader has subgroups of 4, no
 * packed dot product, and replaces a division by a constant; OpenGL gets GLSL in place of SPIR-V.
 *
 * @module
 */
import "../support/isolate.ts";
import { fileURLToPath } from "node:url";
import { requestAdapter } from "../../lib/runtime/gpu/device.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Tests of kernels and of their tiles, and the self-test. */
const FILES = [
  "tests/kernels_test.ts",
  "tests/soak/every_tile_test.ts",
  "tests/depthwise_test.ts",
  "tests/self_test_test.ts",
];

interface Driver {
  readonly name: string;
  /** Debian's packages that it is in. */
  readonly packages: string;
  /** `DENO_WEBGPU_BACKEND`. */
  readonly backend: "vulkan" | "gl";
  /** Folders of the file that describes it to the Vulkan loader, and the name of that file. */
  readonly icd?: { readonly folders: readonly string[]; readonly file: RegExp };
  /** What its adapter's description must match. */
  readonly adapter: RegExp;
}

const ICD_FOLDERS = ["/usr/local/share", "/usr/share", "/etc"].map((at) => `${at}/vulkan/icd.d`);

const DRIVERS: readonly Driver[] = [
  {
    name: "lavapipe",
    packages: "mesa-vulkan-drivers",
    backend: "vulkan",
    icd: { folders: ICD_FOLDERS, file: /^lvp_icd\..*json$/ },
    adapter: /llvmpipe/i,
  },
  {
    name: "swiftshader",
    packages: "chromium",
    backend: "vulkan",
    icd: {
      folders: ["/usr/lib/chromium", "/usr/lib/chromium-browser", ...ICD_FOLDERS],
      file: /^vk_swiftshader_icd\.json$/,
    },
    adapter: /swiftshader/i,
  },
  {
    name: "opengl",
    packages: "libegl1 libgl1-mesa-dri",
    backend: "gl",
    adapter: /llvmpipe|softpipe/i,
  },
];

/** The variables that leave a driver alone on the system; nothing when it is not installed. */
function environmentOf({ icd, backend, adapter }: Driver): Record<string, string> | undefined {
  const found = icd?.folders.flatMap((folder) => {
    try {
      return Array.from(Deno.readDirSync(folder), ({ name }) => name)
        .filter((name) => icd.file.test(name)).map((name) => `${folder}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  })[0];
  if (icd && !found) return undefined;
  // OpenGL gets a loader without Vulkan drivers: an adapter that is there cannot be one of Vulkan.
  const drivers = found ?? "/nonexistent";
  return {
    DENO_WEBGPU_BACKEND: backend,
    VK_DRIVER_FILES: drivers,
    VK_ICD_FILENAMES: drivers, // For Vulkan loaders older than 1.3.207.
    LIBGL_ALWAYS_SOFTWARE: "1",
    QTRAIN_TEST_ADAPTER: adapter.source,
  };
}

async function deno(args: readonly string[], env: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { ...env, NO_COLOR: "1" },
    cwd: ROOT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

/** The description of the adapter that a process with `env` gets; empty when it gets none. */
async function adapterOf(env: Record<string, string>): Promise<string> {
  const printed = await deno(["run", "-A", "--no-check", import.meta.filename!, "--probe"], env);
  return /^adapter: (.*)$/m.exec(printed)?.[1] ?? "";
}

interface Row {
  readonly driver: string;
  readonly adapter: string;
  readonly passed: string;
  readonly failed: string;
  readonly time: string;
}

/** Runs the tests on a driver. */
async function test(driver: Driver, args: readonly string[]): Promise<Row> {
  const none = { driver: driver.name, passed: "", failed: "", time: "" };
  const missing = { ...none, adapter: `not found: apt-get install ${driver.packages}` };
  const env = environmentOf(driver);
  if (!env) return missing;
  const adapter = await adapterOf(env);
  if (adapter === "" && !driver.icd) return missing;
  const vulkan = driver.backend === "gl"
    ? await adapterOf({ ...env, DENO_WEBGPU_BACKEND: "vulkan" })
    : "";
  if (!driver.adapter.test(adapter) || vulkan !== "") {
    return {
      ...none,
      adapter: `expected ${driver.name}, got ${vulkan || adapter || "none"}`,
      failed: "all",
    };
  }
  console.log(`${driver.name}: ${adapter}`);
  const printed = await deno(["run", "-A", "--no-check", "tests/main.ts", ...args], env);
  const [, passed, failed, time] = /^\w+ \| (\d+) passed.*? \| (\d+) failed.*\((\w+)\)$/m
    .exec(printed.split("\n").filter((line) => line !== "").at(-1) ?? "") ?? [];
  const good = passed !== undefined && passed !== "0" && failed === "0";
  if (!good) console.log(printed);
  return {
    driver: driver.name,
    adapter,
    passed: passed ?? "0",
    failed: good ? "0" : failed === "0" || failed === undefined ? "some" : failed,
    time: time ?? "",
  };
}

function table(rows: readonly Row[]): string {
  const lines = [
    ["driver", "adapter", "passed", "failed", "time"],
    ...rows.map((row) => [row.driver, row.adapter, row.passed, row.failed, row.time]),
  ];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const text = (line: readonly string[]) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [text(lines[0]!), rule, ...lines.slice(1).map(text)].join("\n");
}

async function main(): Promise<void> {
  if (Deno.args[0] === "--probe") {
    const adapter = await requestAdapter();
    if (adapter) console.log(`adapter: ${adapter.info.description || adapter.info.device}`);
    return;
  }
  const named = DRIVERS.filter(({ name }) => Deno.args.includes(name));
  const args = Deno.args.filter((arg) => !DRIVERS.some(({ name }) => name === arg));
  const files = args.some((arg) => arg.endsWith(".ts")) ? args : [...FILES, ...args];
  const rows: Row[] = [];
  for (const driver of named.length > 0 ? named : DRIVERS) rows.push(await test(driver, files));
  console.log(table(rows));
  if (rows.some(({ failed }) => !["", "0"].includes(failed))) Deno.exitCode = 1;
}

await main();
