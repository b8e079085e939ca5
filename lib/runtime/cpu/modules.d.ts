/** The kernels for threads that share a memory. */
export declare const threads: WebAssembly.Module;
/** The kernels for one thread whose memory is not shared. */
export declare const oneThread: WebAssembly.Module;
