/**
 * Two hosts on one machine: network namespaces with addresses of their own and a shaped link between
 * them, over which mpirun starts ranks with an agent that enters the namespace. Needs root, `ip`, `tc`,
 * Open MPI, and Python for a link with a delay.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Measured, RankOptions } from "./times.ts";

/** A link between the hosts. */
export interface Link {
  readonly name: string;
  /** Bits in a second, as `tc` writes them; absent: as fast as the kernel copies. */
  readonly rate?: string;
  /** Milliseconds of a packet one way. */
  readonly delay?: number;
  /** Its bandwidth in bytes a second, where it is known. */
  readonly bandwidth?: number;
}

export const LINKS: readonly Link[] = [
  { name: "unshaped" },
  { name: "1 Gb/s", rate: "1gbit", bandwidth: 125e6 },
  { name: "100 Mb/s", rate: "100mbit", bandwidth: 12.5e6 },
  { name: "10 ms round trip", delay: 5 },
];

const HOSTS = [{ name: "qtrain0", address: "10.77.0.1" }, {
  name: "qtrain1",
  address: "10.77.0.2",
}];

/** Runs a command. @throws Error with its stderr */
async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

const ip = (line: string) => run("ip", ...line.split(" "));

/** Measures two ranks, each on a host of its own. */
export async function measureOver(link: Link, options: RankOptions): Promise<Measured> {
  await using _hosts = await openHosts(link);
  return await mpirun(options);
}

/** Measures ranks that share this host: one alone may use all cores, of two each has its own, as is mpirun's way. */
export async function measureHere(count: number, options: RankOptions): Promise<Measured> {
  const args = ["--bind-to", count === 1 ? "none" : "core", "-n", `${count}`];
  return JSON.parse(await asRoot(...args, ...rankCommand(options)));
}

async function openHosts({ rate, delay }: Link): Promise<AsyncDisposable> {
  const close = async () => {
    link?.kill();
    await link?.status;
    for (const { name } of HOSTS) await ip(`netns delete ${name}`).catch(() => {});
  };
  let link: Deno.ChildProcess | undefined;
  await close();
  for (const { name } of HOSTS) {
    await ip(`netns add ${name}`);
    await ip(`-n ${name} link set lo up`);
  }
  if (delay) {
    const script = fileURLToPath(new URL("delayed_link.py", import.meta.url));
    const places = HOSTS.flatMap(({ name, address }) => [name, `${address}/24`]);
    // A link does not wait for a core that ranks have.
    const args = ["-n", "-20", "python3", script, `${delay}`, ...places];
    link = new Deno.Command("nice", { args, stdout: "piped" }).spawn();
    await link.stdout.getReader().read();
    return { [Symbol.asyncDispose]: close };
  }
  await ip("link add link0 type veth peer name link1");
  for (const [i, { name, address }] of HOSTS.entries()) {
    await ip(`link set link${i} netns ${name}`);
    await ip(`-n ${name} addr add ${address}/24 dev link${i}`);
    await ip(`-n ${name} link set link${i} up`);
    if (!rate) continue;
    // What tc lets pass at once is unshaped, and must hold the largest packet: of ten frames, not 64 kB.
    await ip(`-n ${name} link set link${i} gso_max_segs 10`);
    const burst = rate === "1gbit" ? "64kb" : "16kb";
    const shape = `qdisc add dev link${i} root tbf rate ${rate} burst ${burst} latency 50ms`;
    await run("ip", "netns", "exec", name, "tc", ...shape.split(" "));
  }
  return { [Symbol.asyncDispose]: close };
}

/** Starts a rank on each host: mpirun itself runs on the first one. */
async function mpirun(options: RankOptions): Promise<Measured> {
  const agent = await Deno.makeTempFile({ prefix: "agent" });
  // mpirun calls it like ssh: AGENT ADDRESS COMMAND.
  const cases = HOSTS.map(({ name, address }) => `${address}) host=${name};;`).join(" ");
  await Deno.writeTextFile(
    agent,
    `#!/bin/sh\ncase "$1" in ${cases} esac\nshift\nexec ip netns exec "$host" sh -c "$*"\n`,
  );
  await Deno.chmod(agent, 0o700);
  const network = "10.77.0.0/24", all = HOSTS.map(({ address }) => `${address}:1`).join(",");
  try {
    const args = [
      ...["--host", all, "--bind-to", "none"],
      ...["--mca", "plm_rsh_agent", agent, "--mca", "orte_keep_fqdn_hostnames", "1"],
      ...["--mca", "oob_tcp_if_include", network, "--mca", "btl_tcp_if_include", network],
      ...["--mca", "btl", "self,tcp", "--mca", "pml", "ob1"],
    ];
    const line = ["netns", "exec", HOSTS[0]!.name, "mpirun.openmpi", "--allow-run-as-root"];
    return JSON.parse(await run("ip", ...line, ...args, ...rankCommand(options)));
  } finally {
    await Deno.remove(agent);
  }
}

const asRoot = (...args: string[]) => run("mpirun.openmpi", "--allow-run-as-root", ...args);

function rankCommand(options: RankOptions): string[] {
  const script = fileURLToPath(new URL("rank.ts", import.meta.url));
  return [Deno.execPath(), "run", "-A", "--no-check", script, JSON.stringify(options)];
}
