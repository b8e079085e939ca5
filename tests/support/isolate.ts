/**
 * Keeps tests away from what is the user's: in a process that imports this, and in its children, the
 * home, the caches and the temporary folder are throw-away ones, and no variable of qtrain is set.
 * `deno task test` does so once for all its processes, a test file that is run alone for itself.
 *
 * @module
 */

/** The variable that names the throw-away folder. */
export const FOLDER = "QTRAIN_TEST_FOLDER";

const HOMES = {
  HOME: "home",
  USERPROFILE: "home",
  XDG_CACHE_HOME: "cache",
  LOCALAPPDATA: "cache",
  XDG_CONFIG_HOME: "config",
  APPDATA: "config",
  XDG_DATA_HOME: "data",
  TMPDIR: "tmp",
  TMP: "tmp",
} as const;

/** Creates the homes in `folder`; returns variables to set, and (`undefined`) those to delete. */
function isolation(folder: string): ReadonlyMap<string, string | undefined> {
  const homes = Object.entries(HOMES).map(([name, home]) => [name, `${folder}/${home}`] as const);
  for (const [, home] of homes) Deno.mkdirSync(home, { recursive: true });
  // Those of tests stay: QTRAIN_TEST_DATA names a corpus that one test reads where it is given.
  const own = Object.keys(Deno.env.toObject()).filter((name) => /^QTRAIN_(?!TEST_)/.test(name));
  return new Map<string, string | undefined>([
    ...own.map((name) => [name, undefined] as const),
    ...homes,
    // Deno's packages stay where they are: tests download nothing.
    ["DENO_DIR", denoDir()],
    // What Mesa has compiled is kept between runs: without it a kernel's test takes three times as long.
    ["MESA_SHADER_CACHE_DIR", `${temporary()}/qtrain-test-shaders`],
    [FOLDER, folder],
  ]);
}

function denoDir(): string {
  const set = Deno.env.get("DENO_DIR");
  if (set) return set;
  const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(info.stdout)).denoDir;
}

function temporary(): string {
  return Deno.env.get("TMPDIR") ?? Deno.env.get("TMP") ?? "/tmp";
}

function setAll(variables: ReadonlyMap<string, string | undefined>): void {
  for (const [name, value] of variables) {
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
  }
}

/** Runs `body` with a new folder as qtrain's cache. */
export async function withCache(body: (folder: string) => Promise<void>): Promise<void> {
  const before = Deno.env.get("QTRAIN_CACHE"), folder = await Deno.makeTempDir();
  Deno.env.set("QTRAIN_CACHE", folder);
  try {
    await body(folder);
  } finally {
    setAll(new Map([["QTRAIN_CACHE", before]]));
    await Deno.remove(folder, { recursive: true });
  }
}

if (!Deno.env.has(FOLDER)) {
  const folder = Deno.makeTempDirSync({ prefix: "qtrain-tests-" }), variables = isolation(folder);
  const before = new Map([...variables.keys()].map((name) => [name, Deno.env.get(name)]));
  setAll(variables);
  // At the end of a test file; the next one of this process makes a folder of its own.
  globalThis.addEventListener("unload", () => {
    setAll(before);
    try {
      Deno.removeSync(folder, { recursive: true });
    } catch (error) {
      // A test may have removed it as a temporary folder of its own.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  });
}
