/**
 * The shell command that converts a data set with Python and NumPy, for errors about arrays that are
 * whole but of another kind.
 *
 * @module
 */
import { shellWord } from "../../core/text.ts";

/** Images and labels of both splits. */
export type FourArrays<T> = Readonly<
  Record<"train" | "test", Readonly<Record<"images" | "labels", T>>>
>;

/**
 * A command that writes `out`, an `.npz` file, and how to use it.
 *
 * @param sources the arrays as Python expressions, in which `np` is NumPy
 * @param what the arrays to convert, in both splits
 * @param expression what makes the new array of the old one, which is `a`
 * @param out path of a new file
 */
export function convertWithNumpy(
  sources: FourArrays<string>,
  what: "images" | "labels",
  expression: string,
  out: string,
): string {
  const arrays = (["train", "test"] as const).flatMap((split) =>
    (["images", "labels"] as const).map((kind) => {
      const source = sources[split][kind];
      return `${kind === "images" ? "x" : "y"}_${split}=${kind === what ? `f(${source})` : source}`;
    })
  );
  const gzip = arrays.some((array) => array.includes("gzip.")) ? ", gzip" : "";
  const program = `import numpy as np${gzip}; f = lambda a: ${expression}; ` +
    `np.savez_compressed(${pythonText(out)}, ${arrays.join(", ")})`;
  return `python3 -c ${shellWord(program)}; then give data.format=npz ${
    shellWord(`data.root=${out}`)
  }`;
}

/** A text as Python writes it. */
export function pythonText(text: string): string {
  const escaped = text.replace(/[\\']/g, "\\$&").replace(
    /\p{Cc}/gu,
    (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `'${escaped}'`;
}
