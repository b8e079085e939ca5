/**
 * The functions of an MPI library and the values of its ABI. There are three: that of Open MPI 4 and 5
 * (a handle is the address of a symbol), that of MPICH 4 and its kin (a handle is a C int), and that of
 * the MPI-5 standard (a handle is a small number, passed as a pointer).
 *
 * @module
 */

/** What an ABI's header says. */
interface Abi {
  /** Name, for people. */
  readonly name: string;
  /** The native type of a handle. */
  readonly handle: "i32" | "usize";
  /** Values of handles, or the symbols whose addresses they are. */
  readonly world: number | string;
  readonly byte: number | string;
  readonly errorsReturn: number | string;
  readonly anySource: number;
  /** Address of MPI_STATUS_IGNORE. */
  readonly ignoreStatus: bigint;
  /** C ints of an MPI_Status, and the place of MPI_ERROR among them. */
  readonly status: { readonly ints: number; readonly error: number };
  readonly funneled: number;
}

/** The ABIs that a library may have. */
export const ABIS = {
  openMpi: {
    name: "Open MPI",
    handle: "usize",
    world: "ompi_mpi_comm_world",
    byte: "ompi_mpi_byte",
    errorsReturn: "ompi_mpi_errors_return",
    anySource: -1,
    ignoreStatus: 0n,
    status: { ints: 6, error: 2 },
    funneled: 1,
  },
  mpich: {
    name: "MPICH",
    handle: "i32",
    world: 0x44000000,
    byte: 0x4c00010d,
    errorsReturn: 0x54000001,
    anySource: -2,
    ignoreStatus: 1n,
    status: { ints: 5, error: 4 },
    funneled: 1,
  },
  mpi5: {
    name: "MPI-5",
    handle: "usize",
    world: 0x101,
    byte: 0x247,
    errorsReturn: 0x143,
    anySource: -1,
    ignoreStatus: 0n,
    status: { ints: 8, error: 2 },
    funneled: 1024,
  },
} as const satisfies Record<string, Abi>;

/**
 * The ABI of a library.
 *
 * @param version what MPI_Get_library_version says
 * @param standard the major version of the standard ABI that MPI_Abi_get_version says; 0 or less if the
 *     library does not have the function or not the ABI
 */
export function abiOf(version: string, standard: number): Abi | undefined {
  if (standard > 0) return ABIS.mpi5;
  if (/^Open MPI\b/.test(version)) return ABIS.openMpi;
  if (/MPICH|MVAPICH|Intel\(R\) MPI/.test(version)) return ABIS.mpich;
  return undefined;
}

/** Bytes of the longest text that a library writes: MPI_MAX_LIBRARY_VERSION_STRING. */
const MAX_TEXT = 8192;

/** Maximum number of cores of a host. */
const MAX_CORES = 8192;

/** The functions that need no handle, to learn the library's ABI, and one of Linux's that it links with. */
const IDENTITY = {
  MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
  MPI_Abi_get_version: { parameters: ["buffer", "buffer"], result: "i32", optional: true },
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32", optional: true },
} as const;

/** The functions of an exchange, for an ABI's type of handles. */
function functions<H extends "i32" | "usize">(handle: H) {
  return {
    MPI_Init_thread: { parameters: ["pointer", "pointer", "i32", "buffer"], result: "i32" },
    MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_set_errhandler: { parameters: [handle, handle], result: "i32" },
    MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
    MPI_Error_string: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    MPI_Isend: {
      parameters: ["pointer", "i32", handle, "i32", "i32", handle, "pointer"],
      result: "i32",
    },
    MPI_Irecv: {
      parameters: ["pointer", "i32", handle, "i32", "i32", handle, "pointer"],
      result: "i32",
    },
    MPI_Recv: {
      parameters: ["buffer", "i32", handle, "i32", "i32", handle, "pointer"],
      result: "i32",
    },
    MPI_Iprobe: { parameters: ["i32", "i32", handle, "buffer", "pointer"], result: "i32" },
    MPI_Testall: { parameters: ["i32", "buffer", "buffer", "buffer"], result: "i32" },
    MPI_Ibarrier: { parameters: [handle, "pointer"], result: "i32" },
    MPI_Finalize: { parameters: [], result: "i32" },
    MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
  } as const;
}

type Functions = ReturnType<typeof functions<"usize">>;
type Calls = Deno.DynamicLibrary<Functions>["symbols"];

/** A function of the library that failed: its name, and what the library says. */
export class MpiCallError extends Error {}

/** Requests under way, in memory that the library may write. */
export interface Requests {
  /** Number of requests. */
  readonly count: number;
  readonly memory: Uint8Array<ArrayBuffer>;
  /** An MPI_Status for each. */
  readonly statuses: Int32Array<ArrayBuffer>;
}

/** An MPI library, loaded; {@linkcode Mpi.init} comes first. */
export class Mpi {
  /** Name and version of the library, in one line. */
  readonly version: string;
  readonly #affinity: Deno.DynamicLibrary<typeof IDENTITY>["symbols"]["sched_getaffinity"];
  readonly #abi: Abi;
  readonly #calls: Calls;
  readonly #world: bigint;
  readonly #byte: bigint;
  readonly #errorsReturn: bigint;
  readonly #ignore: Deno.PointerValue;
  readonly #number = new Int32Array(new ArrayBuffer(8));

  /**
   * Loads a library.
   *
   * @param path its path, or its name for the system's loader
   * @throws {TypeError} if it cannot be loaded, or is no MPI library
   * @throws {MpiCallError} if its ABI is unknown
   */
  constructor(path: string) {
    const { symbols } = Deno.dlopen(path, IDENTITY);
    this.#affinity = symbols.sched_getaffinity;
    const text = new Uint8Array(MAX_TEXT), standard = new Int32Array(2);
    symbols.MPI_Get_library_version(text, this.#number);
    const version = textOf(text, this.#number[0]!);
    symbols.MPI_Abi_get_version?.(standard.subarray(0, 1), standard.subarray(1));
    const abi = abiOf(version, standard[0]!);
    this.version = version.split(/[\n,]/)[0]!.replace(/\s+/g, " ").replace(" Version:", "").trim();
    if (!abi) throw new MpiCallError(`${this.version}: its ABI is unknown`);
    this.#abi = abi;
    // Both types of handles take a number, so that one type in TypeScript does for both.
    this.#calls = Deno.dlopen(path, functions(abi.handle as "usize")).symbols;
    const handleOf = (value: number | string) =>
      typeof value === "number" ? value as unknown as bigint : addressOf(path, value);
    this.#world = handleOf(abi.world);
    this.#byte = handleOf(abi.byte);
    this.#errorsReturn = handleOf(abi.errorsReturn);
    this.#ignore = Deno.UnsafePointer.create(abi.ignoreStatus);
  }

  /** Starts MPI in this thread, which alone may call it. Waits for all ranks of the launcher. */
  init(): void {
    this.#call("MPI_Init_thread", null, null, this.#abi.funneled, this.#number);
    this.#call("MPI_Comm_set_errhandler", this.#world, this.#errorsReturn);
  }

  get rank(): number {
    this.#call("MPI_Comm_rank", this.#world, this.#number);
    return this.#number[0]!;
  }

  get size(): number {
    this.#call("MPI_Comm_size", this.#world, this.#number);
    return this.#number[0]!;
  }

  /** Name of this process's host. */
  get host(): string {
    const text = new Uint8Array(MAX_TEXT);
    this.#call("MPI_Get_processor_name", text, this.#number);
    return textOf(text, this.#number[0]!);
  }

  /** The cores that this process may run on, as a mask in hexadecimal; empty if unknown. */
  get cores(): string {
    const mask = new Uint8Array(MAX_CORES / 8);
    this.#affinity?.(0, BigInt(mask.length), mask);
    return mask.toHex().replace(/0+$/, "");
  }

  /** Room for `count` requests. */
  requests(count: number): Requests {
    return {
      count,
      memory: new Uint8Array(new ArrayBuffer(count * this.#requestBytes)),
      statuses: new Int32Array(new ArrayBuffer(4 * count * this.#abi.status.ints)),
    };
  }

  /** Starts to send bytes, which stay as they are and where they are until the request is done. */
  send(bytes: Uint8Array, to: number, tag: number, requests: Requests, request: number): void {
    const type = this.#byte, world = this.#world;
    const into = this.#requestAt(requests, request);
    this.#call("MPI_Isend", pointerTo(bytes), bytes.length, type, to, tag, world, into);
  }

  /** Starts to receive at most as many bytes as `bytes` has room for. */
  receive(bytes: Uint8Array, from: number, tag: number, requests: Requests, request: number): void {
    const type = this.#byte, world = this.#world;
    const into = this.#requestAt(requests, request);
    this.#call("MPI_Irecv", pointerTo(bytes), bytes.length, type, from, tag, world, into);
  }

  /** Starts to wait for all ranks to do the same. */
  barrier(requests: Requests, request: number): void {
    this.#call("MPI_Ibarrier", this.#world, this.#requestAt(requests, request));
  }

  /** Makes progress. @returns whether all requests are done */
  test({ count, memory, statuses }: Requests): boolean {
    const code = this.#calls.MPI_Testall(count, memory, this.#number, statuses);
    if (code === 0) return this.#number[0] !== 0;
    // The code may only say to look at the requests: the first one that failed says why.
    const { ints, error } = this.#abi.status;
    const codes = [...Array(count).keys()].map((i) => statuses[i * ints + error]!);
    const says = [...new Set([...codes, code].filter((code) => code !== 0))];
    const reasons = says.map((code) => this.#say(code));
    const reason = reasons.find((text) => !/pending|MPI_ERR_IN_STATUS|MPI_Status/i.test(text));
    throw new MpiCallError(`an exchange failed: ${reason ?? reasons[0]}`);
  }

  /** Receives a message that is there from any rank, of at most as many bytes as `into` has room for. */
  take(into: Uint8Array<ArrayBuffer>, tag: number): boolean {
    const { anySource } = this.#abi, world = this.#world, type = this.#byte;
    this.#call("MPI_Iprobe", anySource, tag, world, this.#number, this.#ignore);
    if (this.#number[0] === 0) return false;
    this.#call("MPI_Recv", into, into.length, type, anySource, tag, world, this.#ignore);
    return true;
  }

  /** Ends MPI, when all ranks do and nothing is under way. */
  finalize(): void {
    this.#call("MPI_Finalize");
  }

  /** Ends all ranks, with an exit code. Does not return. */
  abort(code: number): void {
    this.#call("MPI_Abort", this.#world, code);
  }

  get #requestBytes(): number {
    return this.#abi.handle === "i32" ? 4 : 8;
  }

  #requestAt({ memory }: Requests, request: number): Deno.PointerValue {
    return pointerTo(memory.subarray(request * this.#requestBytes));
  }

  #call<N extends keyof Functions>(name: N, ...given: Parameters<Calls[N]>): void {
    const call = this.#calls[name] as (...given: unknown[]) => number;
    const code = call(...given);
    if (code !== 0) throw new MpiCallError(`${name}: ${this.#say(code)}`);
  }

  #say(code: number): string {
    const text = new Uint8Array(MAX_TEXT), length = new Int32Array(1);
    this.#calls.MPI_Error_string(code, text, length);
    return textOf(text, length[0]!).trim() || `error ${code}`;
  }
}

/** The address of a symbol. */
function addressOf(path: string, name: string): bigint {
  const { symbols } = Deno.dlopen(path, { symbol: { name, type: "pointer" } });
  return Deno.UnsafePointer.value(symbols.symbol);
}

/** The address of bytes. An empty array has none. */
function pointerTo(bytes: Uint8Array): Deno.PointerValue {
  return bytes.length === 0 ? null : Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>);
}

function textOf(bytes: Uint8Array, length: number): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? length : Math.min(end, length)));
}
