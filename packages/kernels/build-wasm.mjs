// Compiles assembly/*.ts to WebAssembly and writes each module as text to src/generated/.
console.log('There are no kernels to compile yet.');
