import "./support/isolate.ts";
import assert from "node:assert/strict";
import { decide, type Host, setUpAdapter, type Situation } from "../cli/adapter_setup.ts";

const DEBIAN_ROOT: Situation = {
  hasAdapter: false,
  os: "linux",
  optOut: false,
  driverVariable: undefined,
  aptGet: true,
  root: "already",
};

Deno.test("decide() does nothing if there is an adapter", () => {
  for (const os of ["linux", "darwin", "windows"]) {
    assert.deepEqual(decide({ ...DEBIAN_ROOT, os, hasAdapter: true }), { action: "nothing" });
  }
});

Deno.test("decide() installs on Debian as root, or with sudo that needs no password", () => {
  const line =
    "no Vulkan driver found, which WebGPU needs: installing mesa-vulkan-drivers with apt-get";
  assert.deepEqual(decide(DEBIAN_ROOT), { action: "install", line, prefix: [] });
  assert.deepEqual(decide({ ...DEBIAN_ROOT, root: "sudo" }), {
    action: "install",
    line,
    prefix: ["sudo", "-n"],
  });
});

const ADVISED: [name: string, change: Partial<Situation>, line: RegExp][] = [
  ["without rights", { root: "no" }, /run `sudo apt-get install mesa-vulkan-drivers`/],
  ["when told not to install", { optOut: true }, /run `sudo apt-get install/],
  ["without apt-get", { aptGet: false }, /install one \(the package of Mesa's Vulkan drivers\)/],
  ["when a variable hides the drivers", { driverVariable: "VK_DRIVER_FILES" }, /unset it/],
  ["on macOS", { os: "darwin", aptGet: false }, /update the graphics driver/],
];

for (const [name, change, says] of ADVISED) {
  Deno.test(`decide() advises in one line ${name}`, () => {
    const decision = decide({ ...DEBIAN_ROOT, ...change });
    assert(decision.action === "advise");
    assert.match(decision.line, says);
    assert.match(decision.line, /continuing without a GPU/);
    assert(!decision.line.includes("\n"));
  });
}

/** A machine that runs nothing, and records commands and lines. */
function machine(options: {
  adapter?: boolean;
  adapterAfter?: boolean;
  uid?: number;
  env?: Record<string, string>;
  /** Commands that fail, with their output: those whose text contains the key. */
  failing?: Record<string, string>;
}) {
  const ran: string[] = [];
  const printed: string[] = [];
  const host: Host = {
    os: "linux",
    uid: () => options.uid ?? 0,
    env: (name) => options.env?.[name],
    hasAdapter: (where) =>
      Promise.resolve((where === "here" ? options.adapter : options.adapterAfter) ?? false),
    run: (command) => {
      const text = command.join(" ");
      ran.push(text);
      const failing = Object.entries(options.failing ?? {}).find(([part]) => text.includes(part));
      return Promise.resolve(failing ? { code: 100, output: failing[1] } : { code: 0, output: "" });
    },
    print: (text) => printed.push(text),
  };
  return { host, ran, printed };
}

const changes = (ran: readonly string[]) =>
  ran.filter((command) => /\b(update|install)\b/.test(command));

Deno.test("setUpAdapter() prints and runs nothing if there is an adapter", async () => {
  const { host, ran, printed } = machine({ adapter: true });
  await setUpAdapter(host);
  assert.deepEqual([ran, printed], [[], []]);
});

Deno.test("setUpAdapter() installs with two commands and prints one line", async () => {
  const { host, ran, printed } = machine({ adapterAfter: true });
  await setUpAdapter(host);
  const apt = "env DEBIAN_FRONTEND=noninteractive apt-get -y -qq " +
    "-o DPkg::Lock::Timeout=60 -o Acquire::http::Timeout=20";
  assert.deepEqual(changes(ran), [
    `${apt} update`,
    `${apt} install --no-install-recommends mesa-vulkan-drivers`,
  ]);
  assert.equal(printed.length, 1);
});

Deno.test("setUpAdapter() uses sudo for other users", async () => {
  const { host, ran } = machine({ uid: 1000, adapterAfter: true });
  await setUpAdapter(host);
  assert.equal(changes(ran).length, 2);
  assert(changes(ran).every((command) => command.startsWith("sudo -n env ")));
});

Deno.test("setUpAdapter() changes nothing without rights", async () => {
  const { host, ran, printed } = machine({
    uid: 1000,
    failing: { sudo: "a password is required" },
  });
  await setUpAdapter(host);
  assert.deepEqual(changes(ran), []);
  assert.equal(printed.length, 1);
});

Deno.test("setUpAdapter() changes nothing with QTRAIN_NO_INSTALL=1", async () => {
  const { host, ran, printed } = machine({ env: { QTRAIN_NO_INSTALL: "1" } });
  await setUpAdapter(host);
  assert.deepEqual(changes(ran), []);
  assert.equal(printed.length, 1);
});

Deno.test("setUpAdapter() continues after a failed update and prints the output of failures", async () => {
  const broken = { "apt-get -y": "E: no network\n" };
  const { host, ran, printed } = machine({ failing: broken });
  await setUpAdapter(host);
  assert.equal(changes(ran).length, 2);
  assert.deepEqual(printed.slice(1, 3), ["E: no network", "E: no network"]);
  assert.match(printed[3]!, /cannot install .*continuing without a GPU/);
});

Deno.test("setUpAdapter() reports that the new driver has no adapter", async () => {
  const { host, printed } = machine({ adapterAfter: false });
  await setUpAdapter(host);
  assert.match(printed[1]!, /still no Vulkan adapter; .*continuing without a GPU/);
});

Deno.test({
  name: "adapter_setup.ts tells a machine without Vulkan drivers from OpenGL, and exits 0",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("../cli/adapter_setup.ts", import.meta.url).pathname],
      env: { VK_DRIVER_FILES: "/nonexistent", QTRAIN_NO_INSTALL: "1" },
    }).output();
    assert.equal(code, 0);
    assert.equal(new TextDecoder().decode(stdout), "");
    assert.equal(
      new TextDecoder().decode(stderr),
      "no Vulkan driver found where VK_DRIVER_FILES points: unset it; " +
        "continuing without a GPU\n",
    );
  },
});
