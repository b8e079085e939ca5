/**
 * Files that are given as weights and are something else: what they are, and the command that makes a
 * safetensors file of them.
 *
 * @module
 */
import { shellWord } from "../../core/text.ts";
import type { ZooName } from "../../recipe/model.ts";

/** How many bytes from its start tell what a file is. */
export const HEAD_BYTES = 4096;

/** A file that is not in the safetensors format. */
interface ForeignFile {
  /** What it is: "a file of torch.save". */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

const START = "import sys, torch, safetensors.torch as s; a, b, *r = sys.argv[1:]; ";

/** Python that reads any file of torch.save: a state dict, a network, or a checkpoint that holds one. */
const FROM_TORCH = START +
  "f = lambda d: d.state_dict() if hasattr(d, 'state_dict') else d; " +
  "d = f(torch.load(a, map_location='cpu')); " +
  "t = lambda d: {k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}; " +
  "w = max([t(d)] + [t(x) for x in map(f, d.values()) if isinstance(x, dict)], key=len); " +
  "assert w, 'no tensors in ' + a; s.save_file(w, b)";
const FROM_NUMPY = "import sys, numpy; from safetensors.numpy import save_file; " +
  "a, b = sys.argv[1:]; save_file({k: v.copy('C') for k, v in numpy.load(a).items()}, b)";
const FROM_ONNX = "import sys, onnx.numpy_helper; from safetensors.numpy import save_file; " +
  "a, b = sys.argv[1:]; save_file({t.name: onnx.numpy_helper.to_array(t).copy('C') " +
  "for t in onnx.load(a).graph.initializer}, b)";
const ONE_PART = START +
  "s.save_file({k[len(r[0]):]: v for k, v in s.load_file(a).items() if k.startswith(r[0])}, b)";

/** The command that keeps the tensors of a safetensors file with a prefix, without it. */
export function onePart(path: string, prefix: string): string {
  return convert(path, ONE_PART, "torch", { verb: "Keep the first", more: [prefix] });
}

/** torchvision's functions for the networks that it has. */
const TORCHVISION: Readonly<Partial<Record<ZooName, string>>> = {
  resnet18: "resnet18",
  vgg16: "vgg16_bn",
  "mobilenet-v2": "mobilenet_v2",
};

/** The command that writes torchvision's weights of a network, if it has them. */
export function torchvisionWeights(network: ZooName): string | undefined {
  const name = TORCHVISION[network];
  if (name === undefined) return undefined;
  const code = "import torchvision, safetensors.torch as s; s.save_file(" +
    `torchvision.models.${name}(weights='DEFAULT').state_dict(), '${network}.safetensors')`;
  return `python3 -c ${shellWord(code)}`;
}

/**
 * What a file is, if it is known and not in the safetensors format.
 *
 * @param head its first {@linkcode HEAD_BYTES} bytes, or all
 * @param network the network that the weights are for, if it has a name
 */
export function foreignFile(
  head: Uint8Array,
  path: string,
  network?: ZooName,
): ForeignFile | undefined {
  if (head.length === 0) return { what: "an empty file", remedy: "Download or create it again" };
  if (head.every((byte) => byte === 0)) {
    return { what: "nothing but zeros", remedy: "Its download did not finish: download it again" };
  }
  const text = new TextDecoder().decode(head).replace(/^\s+/, "");
  return textFile(text, path) ?? archive(head, text, path, network) ??
    otherWeights(head, text, path, network);
}

function textFile(text: string, path: string): ForeignFile | undefined {
  if (text.startsWith("version https://git-lfs")) {
    const folder = path.replace(/[^/\\]*$/, "") || ".";
    return {
      what: "a pointer of git-lfs, without the file itself",
      remedy: `To fetch the file:\n  git -C ${shellWord(folder)} lfs pull`,
    };
  }
  if (/^<(!doctype|html|head|body|\?xml)/i.test(text)) {
    return {
      what: "a web page",
      remedy: "Download the file itself: log in first if the page asks for it; at Hugging Face " +
        "the file's address has /resolve/ where the page's has /blob/",
    };
  }
  if (text.startsWith("{")) {
    return { what: "a JSON file, without weights", remedy: "Give the file with the weights" };
  }
  return undefined;
}

/** Weights in an archive, or archives that may contain them. */
function archive(
  head: Uint8Array,
  text: string,
  path: string,
  network?: ZooName,
): ForeignFile | undefined {
  if (text.startsWith("PK\x03\x04")) {
    // The name of the first entry, from its header.
    const length = new DataView(head.buffer, head.byteOffset).getUint16(26, true);
    const name = new TextDecoder().decode(head.subarray(30, 30 + length));
    if (/\.npy$/i.test(name)) {
      return { what: "NumPy's .npz", remedy: convert(path, FROM_NUMPY, "numpy") };
    }
    if (/^(metadata|config)\.json$|\.weights\.h5$/.test(name)) return keras(network);
    if (
      /(^|\/)(data\.pkl|constants\.pkl|version|byteorder|\.format_version)$|\/data\//.test(name) ||
      /\.(pth?|bin|ckpt|tar)$/i.test(path)
    ) return torch(path);
    return {
      what: "a zip archive",
      remedy: `Unpack it (unzip ${shellWord(path)}) and give the file with the weights`,
    };
  }
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const whole = newName(path.replace(/\.gz$/i, ""), path);
    return {
      what: "a gzip archive",
      remedy: `Unpack it and give ${shellWord(`init=${whole}`)}:\n` +
        `  gunzip -c ${shellWord(path)} > ${shellWord(whole)}`,
    };
  }
  const magic = new TextDecoder().decode(head.subarray(257, 262));
  if (magic !== "ustar") return undefined;
  return {
    what: "a tar archive",
    remedy: `Unpack it (tar xf ${shellWord(path)}) and give the file with the weights`,
  };
}

function otherWeights(
  head: Uint8Array,
  text: string,
  path: string,
  network?: ZooName,
): ForeignFile | undefined {
  const [first = 0, second = 0, third] = head;
  if (first === 0x80 && second >= 2 && second <= 5) return torch(path);
  if (text.startsWith("\ufffdHDF\r\n")) return keras(network);
  if (text.startsWith("GGUF")) {
    return { what: "a GGUF file, of a language model", remedy: otherSource(network) };
  }
  if (text.startsWith("TFL3", 4) || new TextDecoder().decode(head.subarray(4, 8)) === "TFL3") {
    return { what: "a TensorFlow Lite model", remedy: otherSource(network) };
  }
  if (text.startsWith("\ufffdNUMPY")) {
    return { what: "one array of NumPy (.npy)", remedy: otherSource(network) };
  }
  // Protocol buffers: the version (TensorFlow's is 1, ONNX files have 3 and more), then a text.
  if (first === 8 && second < 32 && third === 0x12) {
    if (second < 3) return { what: "a TensorFlow model", remedy: otherSource(network) };
    const verb = "Give the PyTorch weights that it was made of, or, if its norms are not folded " +
      "into its convolutions, convert it";
    return { what: "an ONNX model", remedy: convert(path, FROM_ONNX, "onnx", { verb }) };
  }
  return undefined;
}

function torch(path: string): ForeignFile {
  return { what: "a PyTorch file of torch.save", remedy: convert(path, FROM_TORCH, "torch") };
}

function keras(network?: ZooName): ForeignFile {
  return { what: "a Keras model", remedy: otherSource(network) };
}

/** What to do about weights whose layout is not PyTorch's. */
function otherSource(network?: ZooName): string {
  const command = network && torchvisionWeights(network);
  return command === undefined
    ? "Use weights of PyTorch as a safetensors file"
    : `Use weights of PyTorch; torchvision's (with pip install torchvision safetensors):\n  ${command}`;
}

/** The command that converts a file with Python, and what to give as init then. */
function convert(
  path: string,
  code: string,
  library: string,
  { verb = "Convert it", more = [] }: { verb?: string; more?: readonly string[] } = {},
): string {
  const to = newName(path.replace(/\.\w+$/, ""), path);
  const words = [code, path, to, ...more].map((word) => shellWord(word));
  return `${verb} (after pip install ${library} safetensors) and give ` +
    `${shellWord(`init=${to}`)}:\n  python3 -c ${words.join(" ")}`;
}

/** A name for what is made of a file. */
function newName(stem: string, path: string): string {
  const name = stem.endsWith(".safetensors") ? stem : `${stem}.safetensors`;
  return name === path ? path.replace(/\.safetensors$/i, "-converted.safetensors") : name;
}
