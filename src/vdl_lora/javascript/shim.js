// What a codec finds in its context, and how it is called. It gives one function, which no codec can reach.
//
// All that it needs of the language is taken before the codec runs: a codec may change every global, and what
// stands here goes on as it was. It makes no list and calls no method of one that the codec may have changed.
(function (maxOutput) {
  const { parse, stringify } = JSON;
  const { apply, construct, defineProperty } = Reflect;
  const { isArray } = Array;
  const { slice, indexOf, charCodeAt } = String.prototype;
  const { imul, floor } = Math;
  const text = String;
  const global = globalThis;
  const HostDate = Date;
  const { toString: dateToString } = HostDate.prototype;
  const { UTC, parse: parseDate } = HostDate;

  const MAX_LISTED = 10;
  const MAX_WORDS = 300;

  let now = 0;
  let seedText = "";
  let chance = 0;
  let seeded = false;

  function set(name, value) {
    defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  }

  // ------------------------------------------------------------ the clock stands, chance is seeded
  function StandingDate(year, month, day, hours, minutes, seconds, ms) {
    if (new.target === undefined) return apply(dateToString, new HostDate(now), []);
    return construct(HostDate, arguments.length === 0 ? [now] : arguments, new.target);
  }
  defineProperty(StandingDate, "name", { value: "Date" });
  defineProperty(StandingDate, "prototype", { value: HostDate.prototype, writable: false });
  const hidden = (value) => ({ value, writable: true, configurable: true, enumerable: false });
  defineProperty(StandingDate, "now", hidden(() => now));
  defineProperty(StandingDate, "parse", hidden(parseDate));
  defineProperty(StandingDate, "UTC", hidden(UTC));
  defineProperty(HostDate.prototype, "constructor", hidden(StandingDate));
  set("Date", StandingDate);

  function seed() {
    seeded = true;
    let hash = 0x811c9dc5;
    for (let i = 0; i < seedText.length; i++) hash = imul(hash ^ apply(charCodeAt, seedText, [i]), 0x01000193);
    chance = hash >>> 0;
  }
  function next() {
    chance = (chance + 0x9e3779b9) >>> 0;
    let mixed = imul(chance ^ (chance >>> 16), 0x21f0aaad);
    mixed = imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
  defineProperty(
    Math,
    "random",
    hidden(() => {
      if (!seeded) seed();
      return (next() * 0x200000 + floor(next() / 0x800)) / 0x20000000000000;
    }),
  );

  // ------------------------------------------------------------ globals
  for (const name of ["performance", "Atomics", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry"]) delete global[name];
  const silent = () => undefined;
  set("console", { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent });
  set("module", { exports: {} });
  set("exports", module.exports);

  // ------------------------------------------------------------ words
  function short(words) {
    return words.length <= MAX_WORDS ? words : apply(slice, words, [0, MAX_WORDS]) + "…";
  }
  function isObject(value) {
    return (typeof value === "object" && value !== null) || typeof value === "function";
  }
  function inWords(value) {
    if (!isObject(value)) return short(text(value));
    const { name, message } = value;
    if (typeof message === "string") return short((typeof name === "string" ? name + ": " : "") + message);
    const json = stringify(value);
    return short(typeof json === "string" ? json : typeof value);
  }
  function lineOf(error) {
    const stack = isObject(error) ? error.stack : undefined;
    if (typeof stack !== "string") return "";
    const at = apply(indexOf, stack, ["<input>:"]);
    if (at < 0) return "";
    let line = "";
    for (let i = at + 8; stack[i] >= "0" && stack[i] <= "9" && line.length < 9; i++) line += stack[i];
    return line === "" ? "" : " (line " + line + ")";
  }
  function thrown(error, line) {
    if (isOutOfMemory(error)) return "";
    try {
      return failed(inWords(error) + (line ? lineOf(error) : ""));
    } catch (_) {
      return failed("it throws something that cannot be shown");
    }
  }
  // The engine itself throws this, or null where not even an error found room.
  function isOutOfMemory(error) {
    try {
      return error === null || (isObject(error) && error.message === "out of memory");
    } catch (_) {
      return false;
    }
  }

  // JSON of a list of words, of whatever a codec gives as its errors or warnings; empty where there are none.
  function listed(given) {
    if (given === undefined || given === null || given === false || given === "" || given === 0) return "";
    if (!isArray(given)) return stringify(inWords(given));
    let json = "";
    const { length } = given;
    for (let i = 0; i < length && i < MAX_LISTED; i++) json += (i ? "," : "") + stringify(inWords(given[i]) || "(no words)");
    return length > MAX_LISTED ? json + "," + stringify("and " + (length - MAX_LISTED) + " more") : json;
  }
  function failed(words) {
    const lacks = apply(indexOf, words, ["require is not defined"]) >= 0;
    return '{"errors":[' + stringify(lacks ? words + ": a codec is one file and loads no other" : words) + "]}";
  }

  // ------------------------------------------------------------ the entry points, in the order in which they are tried
  const DEFINED = {
    decodeUplink: () => typeof decodeUplink === "function" && decodeUplink,
    encodeDownlink: () => typeof encodeDownlink === "function" && encodeDownlink,
    decodeDownlink: () => typeof decodeDownlink === "function" && decodeDownlink,
  };
  const OLDER = {
    decodeUplink() {
      if (typeof Decoder === "function") return [Decoder, undefined, "Decoder"];
      return typeof Decode === "function" ? [Decode, undefined, "Decode"] : null;
    },
    encodeDownlink() {
      if (typeof Encoder === "function") return [Encoder, undefined, "Encoder"];
      return typeof Encode === "function" ? [Encode, undefined, "Encode"] : null;
    },
    decodeDownlink: () => null,
  };
  const NO_ENTRY = {
    decodeUplink:
      "it has no entry point: it must define decodeUplink(input), or Decoder(bytes, port), or Decode(fPort, bytes, variables)",
    encodeDownlink:
      "it has no entry point: it must define encodeDownlink(input), or Encoder(object, port), or Encode(fPort, object, variables)",
    decodeDownlink: "it has no entry point: it must define decodeDownlink(input)",
  };
  const has = (owner, name) => isObject(owner) && typeof owner[name] === "function";
  function entry(name) {
    const defined = DEFINED[name]();
    if (defined) return [defined, undefined, name];
    const exported = typeof module !== "undefined" && isObject(module) ? module.exports : undefined;
    if (has(exported, name)) return [exported[name], exported, name];
    if (typeof exports !== "undefined" && has(exports, name)) return [exports[name], exports, name];
    if (typeof driver !== "undefined" && has(driver, name)) return [driver[name], driver, name];
    if (isObject(exported) && has(exported.driver, name)) return [exported.driver[name], exported.driver, name];
    return OLDER[name]();
  }

  function call(found, input) {
    const [run, owner, kind] = found;
    const { bytes, fPort, variables, data } = input;
    if (kind === "Decoder") return { data: apply(run, owner, [bytes, fPort]) };
    if (kind === "Decode") return { data: apply(run, owner, [fPort, bytes, variables]) };
    if (kind === "Encoder") return { bytes: apply(run, owner, [data, fPort]) };
    if (kind === "Encode") return { bytes: apply(run, owner, [fPort, data, variables]) };
    if (kind === "encodeDownlink") return apply(run, owner, [{ data, fPort, variables }]);
    const recvTime = new HostDate(now);
    return apply(run, owner, [{ bytes, fPort, port: fPort, recvTime, variables }]);
  }

  // What a codec gives as a downlink; without an fPort of its own, the one that was asked for.
  function downlinked(result, input) {
    if (!isObject(result)) return failed("the codec gives " + text(result) + ", not an object with bytes or errors");
    const errors = listed(result.errors);
    if (errors !== "") return '{"errors":[' + errors + "]}";
    const { bytes, fPort } = result;
    const port = fPort === undefined || fPort === null ? input.fPort : fPort;
    if (typeof port !== "number" || floor(port) !== port || port < 1 || port > 255) return failed("it gives no fPort from 1 to 255");
    if (!isObject(bytes)) return failed("bytes is a " + typeof bytes + ", not a list");
    const { length } = bytes;
    if (typeof length !== "number" || !(length <= 255)) return failed("bytes is no list, or of more than 255");
    let json = "";
    for (let i = 0; i < length; i++) {
      const byte = bytes[i];
      if (typeof byte !== "number" || (byte & 255) !== byte) return failed("byte " + i + " is " + inWords(byte) + ", not a whole number from 0 to 255");
      json += (i ? "," : "") + byte;
    }
    return '{"errors":[],"warnings":[' + listed(result.warnings) + '],"data":{"fPort":' + port + ',"bytes":[' + json + "]}}";
  }

  // Some codecs give what they decoded as it is, without `data` around it.
  function dataOf(result) {
    if (!("data" in result || "errors" in result || "warnings" in result)) for (const _ in result) return result;
    return result.data;
  }

  function written(result) {
    if (!isObject(result)) return failed("the codec gives " + text(result) + ", not an object with data or errors");
    if (typeof result.then === "function") return failed("the codec is asynchronous and gives a Promise; it must answer at once");
    const errors = listed(result.errors);
    const warnings = listed(result.warnings);
    const data = dataOf(result);
    let json;
    if (data !== undefined && data !== null) {
      if (isObject(data) && typeof data.then === "function") return failed("data is a Promise; a codec must answer at once");
      json = stringify(data);
      if (typeof json !== "string" || (json[0] !== "{" && json[0] !== "[")) {
        if (errors === "") return failed("data is a " + typeof data + ", not an object or a list");
        json = undefined;
      } else if (json.length > maxOutput) {
        return failed("the answer has " + json.length + " characters, at most " + maxOutput + " are taken");
      }
    } else if (typeof result.next === "function") {
      return failed("the codec is a generator; it must answer at once");
    }
    return '{"errors":[' + errors + '],"warnings":[' + warnings + "]" + (json === undefined ? "}" : ',"data":' + json + "}");
  }

  // ------------------------------------------------------------ what the process calls
  function prepare(json) {
    const input = parse(json);
    now = input.recvTime;
    seedText = json;
    seeded = false;
    return input;
  }
  // Empty where the engine has run out of memory.
  function answer(json) {
    let input, result;
    try {
      input = prepare(json);
      const name = input.call || "decodeUplink";
      const found = entry(name);
      if (found === null) return failed(NO_ENTRY[name]);
      result = call(found, input);
    } catch (error) {
      return thrown(error, true);
    }
    try {
      return input.call === "encodeDownlink" ? downlinked(result, input) : written(result);
    } catch (error) {
      return thrown(error, false); // its lines may be ours
    }
  }
  return (step, json) => {
    if (step === "answer") return text(answer(json)); // joined: the engine keeps long sums of texts in parts
    if (step === "prepare") return prepare(json) && "";
    if (step === "failed") return failed(short(json));
    return failed(entry("decodeUplink") === null ? NO_ENTRY.decodeUplink : "");
  };
})
