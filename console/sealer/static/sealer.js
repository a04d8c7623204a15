// What a page seals with. It loads the sealer (package console/sealer, as WebAssembly),
// has it verify the fleet, and hands it values. A value is in no request, no URL, no
// storage, and not in the document once it was taken.
//
//   const sealer = await Sealer.open({ fleet, rootKey });   // texts; show sealer.fingerprint
//   const { blocks, notes } = await sealer.seal(job, { password: take(field) });

const workerURL = new URL("worker.js", import.meta.url).href;
const programURL = new URL("sealer.wasm", import.meta.url).href;
const knownAt = "bulla.sealer.known";

const policy = globalThis.trustedTypes?.createPolicy("bulla-sealer", {
  createScriptURL: (url) => {
    if (url !== workerURL) throw new TypeError("no script of the sealer");
    return url;
  },
});

/** SealerError says what failed, and has a hint. It never has a part of a value. */
export class SealerError extends Error {
  constructor(text, hint) {
    super(text);
    this.name = "SealerError";
    this.hint = hint;
  }
}

/**
 * take gives the bytes of an input, a textarea or a chosen file, and empties the field.
 * Texts are UTF-8 with the line ends of the field (LF); files are taken byte for byte.
 */
export async function take(field) {
  if (field.type === "file") {
    const [file] = field.files;
    try {
      return file ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array();
    } catch {
      throw new SealerError("the file cannot be read", "choose it again");
    } finally {
      field.value = "";
    }
  }
  const bytes = new TextEncoder().encode(field.value);
  field.value = "";
  field.defaultValue = "";
  return bytes;
}

/** load gives the program, compiled once for a page. */
async function load() {
  const cannot = (why, hint) => new SealerError(`the sealer cannot be loaded: ${why}`, hint);
  let response;
  try {
    response = await fetch(programURL);
  } catch {
    throw cannot("the console does not answer", "look whether you are online, then load the page anew");
  }
  if (!response.ok) throw cannot(`the console answers ${response.status}`, "tell an operator");
  try {
    return await WebAssembly.compileStreaming(response);
  } catch (error) {
    if (error instanceof WebAssembly.CompileError && /unsafe-eval|Content Security/.test(error.message)) {
      throw cannot("this page may not run WebAssembly", "a proxy or an extension may have changed its policy");
    }
    throw cannot("what came is not the program", "load the page anew; a proxy may have cut or changed it");
  }
}

/** Sealer seals for one verified fleet. */
export class Sealer {
  #module;
  #fleet;
  #ask;
  #worker;
  #fingerprint;

  /**
   * open loads the sealer and verifies the fleet (its JSON as text) under rootKey. It
   * keeps, in this browser, which root key and which version it saw. repinned says
   * that a person compared the fingerprint of another root key.
   */
  static async open({ fleet, rootKey, repinned = false }) {
    const sealer = new Sealer();
    sealer.#module = await load();
    try {
      sealer.#fleet = JSON.parse(fleet);
    } catch {
      throw new SealerError("fleet.yaml cannot be read", "load the page anew; if that does not help, tell an operator");
    }
    sealer.#ask = { rootKey, repinned, known: JSON.parse(localStorage.getItem(knownAt) ?? "{}") };
    const { fingerprint, known } = await sealer.#start();
    localStorage.setItem(knownAt, JSON.stringify(known));
    sealer.#ask = { rootKey, repinned: false, known };
    sealer.#fingerprint = fingerprint;
    return sealer;
  }

  /** fingerprint of the root key, which people compare. */
  get fingerprint() {
    return this.#fingerprint;
  }

  /**
   * seal seals values ({key: Uint8Array}, which are gone from here afterwards) as the
   * job says (see Job in console/sealer), and gives {blocks, notes}: ciphertext, which
   * may be sent.
   */
  async seal(job, values) {
    try {
      if (!this.#worker) await this.#start();
      const buffers = [...new Set(Object.values(values).map((value) => value.buffer))];
      return await this.#call({ step: "seal", ask: job, values }, buffers);
    } finally {
      this.close();
    }
  }

  /** keys gives the names of the variables in a .env file (a Uint8Array, which stays). */
  async keys(text) {
    if (!this.#worker) await this.#start();
    const copy = text.slice();
    return (await this.#call({ step: "keys", text: copy }, [copy.buffer])).keys;
  }

  /** close ends the worker, with all that it has in memory. The next job starts another. */
  close() {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #start() {
    this.#worker = new Worker(policy?.createScriptURL(workerURL) ?? workerURL, { type: "module" });
    try {
      return await this.#call({ step: "open", module: this.#module, fleet: this.#fleet, ask: this.#ask });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async #call(message, transfer = []) {
    const worker = this.#worker;
    const stopped = (why) => new SealerError(`the sealer stopped: ${why}`, "load the page anew; nothing left this browser");
    const { answer, failed } = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(stopped("it does not start"));
      };
      worker.onmessageerror = () => reject(stopped("it cannot be understood"));
      worker.postMessage(message, transfer);
    });
    if (failed || answer === undefined) throw stopped(failed ?? "without an answer");
    if (answer.error) throw new SealerError(answer.error, answer.hint);
    return answer;
  }
}
