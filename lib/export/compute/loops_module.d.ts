/** The loops of convolve.simd.ts. */
export declare const loops: WebAssembly.Module;
