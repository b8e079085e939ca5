/** The loops of peak_rates.simd.ts. */
export declare const loops: WebAssembly.Module;
