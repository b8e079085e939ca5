/**
 * Exports a trained network for other tools: a checkpoint without what only training needs, under the
 * names that PyTorch has for it.
 *
 * @module
 */
import { FORMAT } from "./checkpoint.ts";
import { encodeChecked } from "./checksum.ts";
import { evaluationTensors, isRange } from "./tensors.ts";
import { expectCheckpoint } from "./load.ts";
import { RunFolder } from "../run_folder/run_folder.ts";
import { isMap } from "../../core/json_value.ts";
import { decodeSafetensors } from "../../core/safetensors.ts";
import { pytorchNames } from "../../model/pytorch_names.ts";
import { zoo } from "../../model/zoo.ts";
import type { ZooName } from "../../recipe/model.ts";
import { parseYaml } from "../../recipe/yaml.ts";

/**
 * Returns the weights (their moving averages where there are any) and running statistics of a run as a
 * safetensors file with PyTorch's names and shapes: `load_state_dict` takes them as they are. Networks
 * that PyTorch has no names for (`cnn`, `mlp`, lists of layers) keep the names of their layers. The
 * metadata has the recipe, the classes and normalization of the images (`data`), and the ranges of
 * the quantizers (`ranges`, JSON of [low, high] by name).
 *
 * The same run gives the same bytes. Needs no GPU and no data.
 *
 * @param path the run's folder
 * @param warn called for each damaged checkpoint; the one before it is used instead
 * @param best whether to use the checkpoint with the best test accuracy instead of the latest
 * @throws DataError when the folder holds no run or no intact checkpoint
 */
export async function exportRun(
  path: string,
  warn?: (text: string) => void,
  best = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, path: file, recipe, ranges } = await expectCheckpoint(
    await RunFolder.open(path),
    warn,
    best,
  );
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const { position: _, ...rest } = metadata, network = zooNetwork(recipe);
  const named = Object.entries(evaluationTensors(tensors)).filter(([name]) => !isRange(name))
    .map(([name, tensor]) => {
      const dot = name.lastIndexOf("."), layer = name.slice(0, dot);
      const theirs = network && pytorchNames(network, layer)[0];
      return [(theirs ?? layer) + name.slice(dot), tensor];
    });
  const pairs = [...ranges].map(([name, { low, high }]) => [name, [low, high]]);
  return encodeChecked(Object.fromEntries(named), {
    ...rest,
    ranges: JSON.stringify(Object.fromEntries(pairs)),
  });
}

/** The network of the zoo that a recipe names; a recipe may also name estimators that are unknown here. */
function zooNetwork(recipe: string): ZooName | undefined {
  const yaml = parseYaml(recipe),
    { model } = "value" in yaml && isMap(yaml.value) ? yaml.value : {};
  const name = isMap(model) ? model.name : undefined;
  return typeof name === "string" && Object.hasOwn(zoo, name) ? name as ZooName : undefined;
}

/** Whether a file is what {@linkcode exportRun} makes, and not a checkpoint. */
export function isExport(bytes: Uint8Array<ArrayBuffer>, path: string): boolean {
  try {
    const { metadata } = decodeSafetensors(bytes, path);
    return metadata.format === FORMAT && metadata.position === undefined;
  } catch {
    return false;
  }
}
