// Compiles assembly/*.ts to WebAssembly and writes each module as text to src/generated/.
// The kernels are not written yet, so there is nothing to compile.
