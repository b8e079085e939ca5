/**
 * Copies of exported files that tell the scores of the classes too, and what ONNX Runtime made of one.
 *
 * @module
 */
import { decodeModel, encodeModel } from "../../lib/export/onnx/schema.ts";

/** Adds the scores to the outputs of an ONNX file. @returns the copy, and the name of the output */
export function onnxWithScores(bytes: Uint8Array): { bytes: Uint8Array; name: string } {
  const model = decodeModel(bytes), graph = model.graph!, [probabilities] = graph.output!;
  const name = graph.node!.find(({ op_type }) => op_type === "Softmax")!.input![0]!;
  const output = [...graph.output!, { ...probabilities, name }];
  return { bytes: encodeModel({ ...model, graph: { ...graph, output } }), name };
}

/** Number of operations of an ONNX file, by name; those of ONNX Runtime's own domains have them before. */
export function operators(bytes: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op_type = "", domain = "" } of decodeModel(bytes).graph?.node ?? []) {
    const name = domain === "" || domain === "ai.onnx" ? op_type : `${domain}.${op_type}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/**
 * Makes the scores, as real values, the output of a TFLite file in place of the probabilities: it points
 * the graph's output, and the signature's if there is one, at what the softmax reads.
 */
export function tfliteWithScores(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes), view = new DataView(copy.buffer);
  const follow = (at: number) => at + view.getUint32(at, true);
  /** The place of a table's field; 0 if it has none. */
  const field = (table: number, id: number) => {
    const layout = table - view.getInt32(table, true);
    const offset = 4 + 2 * id < view.getUint16(layout, true)
      ? view.getUint16(layout + 4 + 2 * id, true)
      : 0;
    return offset === 0 ? 0 : table + offset;
  };
  /** Places of the elements of a list in a table. */
  const list = (table: number, id: number) => {
    const at = field(table, id);
    if (at === 0) return [];
    const start = follow(at);
    return Array.from({ length: view.getUint32(start, true) }, (_, i) => start + 4 + 4 * i);
  };
  const model = follow(0),
    graph = follow(list(model, 2)[0]!),
    last = follow(list(graph, 3).at(-1)!);
  const scores = view.getInt32(list(last, 1)[0]!, true);
  view.setInt32(list(graph, 2)[0]!, scores, true);
  for (const signature of list(model, 7)) {
    for (const output of list(follow(signature), 1)) {
      view.setUint32(field(follow(output), 1), scores, true);
    }
  }
  return copy;
}
