/**
 * Gets Deno for arm64 and an emulator of arm64's instructions, without a change to the system: Deno from
 * npm, the emulator (unless it is installed) and the C and C++ libraries from the Debian or Ubuntu
 * mirror that apt is configured with. All of it stays in a cache folder.
 *
 * @module
 */

/** Names of the emulator: Debian 12's, and that of later ones, where it needs no libraries either. */
const EMULATORS = ["qemu-aarch64-static", "qemu-aarch64"];
const EMULATOR_PACKAGE = "qemu-user-static", LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6"];
/** The program that starts every arm64 program; it shows that a folder holds the libraries. */
const LOADER = "lib/ld-linux-aarch64.so.1";

/** Why arm64 cannot be emulated here, and what to do about it, in one line. */
export class CannotEmulate extends Error {}

/**
 * Returns the start of a command line that runs arm64's Deno, of the same version as this one.
 *
 * @param cache the folder for what is downloaded: 240 MB
 * @throws CannotEmulate
 */
export async function arm64Deno(cache: string): Promise<string[]> {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    throw new CannotEmulate(`expected Linux on x86-64, got ${os} on ${arch}: run it there`);
  }
  await Deno.mkdir(cache, { recursive: true });
  const deno = await fromNpm(cache), emulator = await emulatorOf(cache);
  const command = [emulator, "-L", await librariesOf(cache), deno];
  const { code, output } = await run([...command, "--version"]);
  if (code === 0) return command;
  throw new CannotEmulate(`${command.join(" ")} does not start: ${lastLine(output)}`);
}

/** Returns the emulator: one that is installed, or the one in the cache folder. */
async function emulatorOf(cache: string): Promise<string> {
  const own = `${cache}/${EMULATORS[0]}`;
  for (const emulator of [...EMULATORS, own]) {
    if ((await run([emulator, "--version"])).code === 0) return emulator;
  }
  await fromMirror([`${EMULATOR_PACKAGE}:amd64`], cache, async (unpacked) => {
    const file = `${unpacked}/usr/bin/${EMULATORS[0]}`;
    // In later Debians the package is empty.
    if (!await exists(file)) throw new CannotEmulate(`no ${EMULATORS[0]} found: install qemu-user`);
    await Deno.rename(file, own);
  });
  return own;
}

/** Returns the folder with arm64's libraries: that of `QEMU_LD_PREFIX`, or the one in the cache folder. */
async function librariesOf(cache: string): Promise<string> {
  const given = Deno.env.get("QEMU_LD_PREFIX"), own = `${cache}/arm64`;
  if (given) {
    if (await exists(`${given}/${LOADER}`)) return given;
    throw new CannotEmulate(
      `QEMU_LD_PREFIX: expected a folder with ${LOADER}, got ${given}; unset it`,
    );
  }
  if (await exists(own)) return own;
  await fromMirror(LIBRARIES.map((name) => `${name}:arm64`), cache, async (unpacked) => {
    // In later Debians /lib is a link that comes with another package.
    if (!await exists(`${unpacked}/lib`)) await Deno.symlink("usr/lib", `${unpacked}/lib`);
    await Deno.rename(unpacked, own);
  });
  return own;
}

/** Returns the path of arm64's Deno, which this Deno downloads as a package of npm. */
async function fromNpm(cache: string): Promise<string> {
  const version = Deno.version.deno, name = `@deno/linux-arm64-glibc`;
  const find = async () => {
    for await (const registry of Deno.readDir(`${cache}/deno/npm`)) {
      const path = `${cache}/deno/npm/${registry.name}/${name}/${version}/deno`;
      if (await exists(path)) return path;
    }
  };
  const before = await find().catch(() => undefined);
  if (before !== undefined) return before;
  const command = [Deno.execPath(), "cache", "--no-config", "--no-lock", `npm:${name}@${version}`];
  const { output } = await run(command, { env: { DENO_DIR: `${cache}/deno` } });
  const path = await find().catch(() => undefined);
  if (path !== undefined) return path;
  throw new CannotEmulate(`cannot get ${name}@${version} from npm: ${lastLine(output)}`);
}

/**
 * Downloads packages with apt-get, whose lists and locks are in a folder of ours, unpacks them into one
 * folder, and calls `take` with it; what that leaves there is removed.
 */
async function fromMirror(
  packages: readonly string[],
  cache: string,
  take: (unpacked: string) => Promise<void>,
): Promise<void> {
  const folder = `${cache}/apt`, unpacked = `${folder}/unpacked`;
  for (const name of ["lists/partial", "archives/partial", "unpacked"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${folder}/status`, "");
  const settings = [
    `Dir::State=${folder}`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}`,
    "APT::Architecture=arm64",
    "APT::Architectures::=arm64",
    "APT::Architectures::=amd64",
    "APT::Sandbox::User=root", // Root otherwise downloads as a user that may not write to the folder.
    "Acquire::Languages=none",
  ];
  const apt = ["apt-get", "-q", ...settings.flatMap((setting) => ["-o", setting])];
  try {
    // A source may fail while another one has the packages.
    const updated = await run([...apt, "update"]);
    const got = await run([...apt, "download", ...packages], { cwd: folder });
    if (got.code !== 0) {
      const { output } = updated.code === 0 ? got : updated;
      throw new CannotEmulate(
        `cannot get ${packages.join(", ")} with apt-get: ${lastLine(output)}. ` +
          `Install ${EMULATOR_PACKAGE}, unpack arm64's ${
            LIBRARIES.join(", ")
          } into a folder with ` +
          "dpkg-deb -x, and set QEMU_LD_PREFIX to it",
      );
    }
    for (const { name } of await Array.fromAsync(Deno.readDir(folder))) {
      if (!name.endsWith(".deb")) continue;
      const { code, output } = await run(["dpkg-deb", "-x", `${folder}/${name}`, unpacked]);
      if (code !== 0) throw new CannotEmulate(`cannot unpack ${name}: ${lastLine(output)}`);
    }
    await take(unpacked);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a command; code 127 if it does not exist. */
async function run(
  [program, ...args]: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<{ readonly code: number; readonly output: string }> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args,
      stdin: "null",
      ...options,
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { code: 127, output: `no ${program} found` };
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function lastLine(output: string): string {
  return output.trimEnd().split("\n").at(-1)!;
}
