import "./wasm_exec.js";

// ran runs a test program of Go, and gives what it said and how it ended.
globalThis.ran = async (program, ...args) => {
  const go = new Go();
  const decoder = new TextDecoder();
  let said = "", code = -1;
  fs.writeSync = (_, bytes) => {
    said += decoder.decode(bytes, { stream: true });
    return bytes.length;
  };
  go.argv = [program, ...args];
  go.exit = (ended) => { code = ended; };
  const { instance } = await WebAssembly.instantiateStreaming(fetch(program), go.importObject);
  await go.run(instance);
  return { said, code };
};
