/**
 * Which files of the project import which.
 *
 * @module
 */
import { dirname, join } from "node:path/posix";

const ROOT = new URL("../../", import.meta.url);

/** Static and dynamic imports, re-exports, and scripts of workers. */
const IMPORT =
  /^(?:import|export)\b[^;"']*?["']([^"']+)["']|\b(?:import\(|new URL\()\s*["']([^"']+\.ts)["']/gm;

/** The project's files that each file in `places` imports; paths are from the root. */
export function importsOf(places: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const imports = new Map<string, string[]>();
  const read = (path: string) => {
    const text = Deno.readTextFileSync(new URL(path, ROOT)).replaceAll(/\/\*[^]*?\*\//g, "");
    const named = [...text.matchAll(IMPORT)].map(([, direct, other]) => (direct ?? other)!);
    const own = named.filter((name) => name.startsWith("."));
    imports.set(path, own.map((name) => join(dirname(path), name)));
  };
  const readFolder = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (isDirectory) readFolder(`${folder}/${name}`);
      else if (name.endsWith(".ts")) read(`${folder}/${name}`);
    }
  };
  for (const place of places) place.endsWith(".ts") ? read(place) : readFolder(place);
  return imports;
}
