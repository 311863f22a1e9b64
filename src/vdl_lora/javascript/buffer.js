// Buffer, as far as codecs use it: a Uint8Array with the names that Node.js gives it. Evaluated where a codec names it.
(function () {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function adopt(array) {
    return Object.setPrototypeOf(array, Buffer.prototype);
  }
  function Buffer(value, encoding, length) {
    return typeof value === "number" ? Buffer.alloc(value) : Buffer.from(value, encoding, length);
  }

  // ------------------------------------------------------------ text to bytes
  function fromHex(text) {
    const bytes = [];
    for (let i = 0; i + 1 < text.length; i += 2) {
      const pair = text.slice(i, i + 2);
      if (!/^[0-9a-fA-F]{2}$/.test(pair)) break;
      bytes.push(parseInt(pair, 16));
    }
    return bytes;
  }
  function fromBase64(text) {
    const bytes = [];
    let held = 0;
    let bits = 0;
    for (const letter of text.replace(/-/g, "+").replace(/_/g, "/")) {
      if (letter === "=") break;
      const six = ALPHABET.indexOf(letter);
      if (six < 0) continue;
      held = ((held << 6) | six) & 0xffff;
      bits += 6;
      if (bits >= 8) bytes.push((held >> (bits -= 8)) & 0xff);
    }
    return bytes;
  }
  function fromUtf8(text) {
    const bytes = [];
    for (const letter of text) {
      let code = letter.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
      else
        bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
    return bytes;
  }
  function fromLatin1(text) {
    return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 0xff);
  }
  function fromUtf16(text) {
    const bytes = [];
    for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 0xff, text.charCodeAt(i) >> 8);
    return bytes;
  }

  // ------------------------------------------------------------ bytes to text
  function toHex(bytes) {
    let text = "";
    for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
    return text;
  }
  function toBase64(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
      const [a, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
      text += ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | ((b || 0) >> 4)];
      text += b === undefined ? "=" : ALPHABET[((b & 15) << 2) | ((c || 0) >> 6)];
      text += c === undefined ? "=" : ALPHABET[c & 63];
    }
    return text;
  }
  function toBase64Url(bytes) {
    return toBase64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  }
  function toUtf8(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; ) {
      const first = bytes[i++];
      if (first < 0x80) {
        text += String.fromCharCode(first);
        continue;
      }
      const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
      let code = first & (0x3f >> more);
      let read = 0;
      while (read < more && (bytes[i + read] & 0xc0) === 0x80) code = (code << 6) | (bytes[i + read++] & 0x3f);
      const whole = more > 0 && read === more && code >= [0, 0x80, 0x800, 0x10000][more] && code <= 0x10ffff;
      text += whole && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
      i += read;
    }
    return text;
  }
  function toLatin1(bytes, mask) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte & mask);
    return text;
  }
  function toUtf16(bytes) {
    let text = "";
    for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
    return text;
  }

  const utf8 = [fromUtf8, toUtf8];
  const latin1 = [fromLatin1, (bytes) => toLatin1(bytes, 0xff)];
  const utf16 = [fromUtf16, toUtf16];
  const ENCODINGS = {
    hex: [fromHex, toHex],
    base64: [fromBase64, toBase64],
    base64url: [fromBase64, toBase64Url],
    utf8,
    "utf-8": utf8,
    latin1,
    binary: latin1,
    ascii: [fromLatin1, (bytes) => toLatin1(bytes, 0x7f)],
    utf16le: utf16,
    "utf-16le": utf16,
    ucs2: utf16,
    "ucs-2": utf16,
  };
  function encodingOf(name) {
    const found = ENCODINGS[name === undefined || name === null ? "utf8" : String(name).toLowerCase()];
    if (found === undefined) throw new TypeError("Unknown encoding: " + name);
    return found;
  }

  // ------------------------------------------------------------ how one is made
  Buffer.from = function (value, encoding, length) {
    if (typeof value === "string") return adopt(Uint8Array.from(encodingOf(encoding)[0](value)));
    if (value instanceof ArrayBuffer) return adopt(new Uint8Array(value, encoding, length));
    if (value && value.type === "Buffer" && Array.isArray(value.data)) return Buffer.from(value.data);
    if (value && typeof value === "object" && typeof value.length === "number")
      return adopt(Uint8Array.from({ length: value.length }, (_, i) => value[i]));
    throw new TypeError("Buffer.from takes a string, a list of bytes, a Buffer or an ArrayBuffer");
  };
  Buffer.alloc = function (size, fill, encoding) {
    if (typeof size !== "number" || !(size >= 0)) throw new RangeError('The value "' + size + '" is no size');
    const made = adopt(new Uint8Array(size));
    return fill === undefined ? made : made.fill(fill, 0, size, encoding);
  };
  Buffer.allocUnsafe = Buffer.allocUnsafeSlow = (size) => Buffer.alloc(size);
  Buffer.isBuffer = (value) => value instanceof Buffer;
  Buffer.isEncoding = (name) => Object.prototype.hasOwnProperty.call(ENCODINGS, String(name).toLowerCase());
  Buffer.byteLength = (value, encoding) =>
    typeof value === "string" ? encodingOf(encoding)[0](value).length : value.byteLength;
  Buffer.concat = function (list, length) {
    const whole = Buffer.alloc(length === undefined ? list.reduce((sum, part) => sum + part.length, 0) : length);
    let at = 0;
    for (const part of list) {
      for (let i = 0; i < part.length && at < whole.length; i++) whole[at++] = part[i];
    }
    return whole;
  };
  Buffer.compare = function (one, other) {
    for (let i = 0; i < one.length && i < other.length; i++) if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
    return Math.sign(one.length - other.length);
  };

  // ------------------------------------------------------------ what it can do
  const bytesOf = (value, encoding) =>
    typeof value === "number" ? [value & 0xff] : typeof value === "string" ? encodingOf(encoding)[0](value) : value;

  const METHODS = {
    constructor: Buffer,
    toString(encoding, start, end) {
      return encodingOf(encoding)[1](Uint8Array.prototype.subarray.call(this, start || 0, end === undefined ? this.length : end));
    },
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    },
    slice(start, end) {
      return this.subarray(start, end);
    },
    equals(other) {
      return Buffer.compare(this, other) === 0;
    },
    compare(other) {
      return Buffer.compare(this, other);
    },
    copy(target, at, start, end) {
      const part = this.subarray(start || 0, end === undefined ? this.length : end);
      const fits = part.subarray(0, Math.max(target.length - (at || 0), 0));
      target.set(fits, at || 0);
      return fits.length;
    },
    write(text, offset, length, encoding) {
      if (typeof offset === "string") [encoding, offset, length] = [offset, 0, undefined];
      if (typeof length === "string") [encoding, length] = [length, undefined];
      const at = offset || 0;
      const bytes = encodingOf(encoding)[0](text).slice(0, Math.min(length === undefined ? Infinity : length, this.length - at));
      this.set(bytes, at);
      return bytes.length;
    },
    fill(value, start, end, encoding) {
      if (typeof start === "string") [encoding, start] = [start, undefined];
      const bytes = bytesOf(value, encoding);
      const from = start || 0;
      const to = end === undefined ? this.length : end;
      for (let i = from; i < to && bytes.length > 0; i++) this[i] = bytes[(i - from) % bytes.length];
      return this;
    },
    indexOf(value, start, encoding) {
      if (typeof start === "string") [encoding, start] = [start, 0];
      const wanted = bytesOf(value, encoding);
      let from = start || 0;
      if (from < 0) from = Math.max(this.length + from, 0);
      for (let at = from; at + wanted.length <= this.length; at++) {
        let i = 0;
        while (i < wanted.length && this[at + i] === wanted[i]) i++;
        if (i === wanted.length) return at;
      }
      return -1;
    },
    includes(value, start, encoding) {
      return this.indexOf(value, start, encoding) !== -1;
    },
    swap16() {
      for (let i = 0; i + 1 < this.length; i += 2) [this[i], this[i + 1]] = [this[i + 1], this[i]];
      return this;
    },
  };

  // ------------------------------------------------------------ numbers
  function view(buffer, offset, size) {
    const at = offset === undefined ? 0 : offset;
    if (typeof at !== "number" || !Number.isInteger(at)) throw new TypeError("The offset must be an integer");
    if (at < 0 || at + size > buffer.length)
      throw new RangeError('The value of "offset" is out of range. It is ' + at + ", the Buffer has " + buffer.length + " bytes");
    return new DataView(buffer.buffer, buffer.byteOffset + at, size);
  }
  function number(name, type, size, little) {
    METHODS["read" + name] = function (offset) {
      return view(this, offset, size)["get" + type](0, little);
    };
    METHODS["write" + name] = function (value, offset) {
      view(this, offset, size)["set" + type](0, value, little);
      return (offset || 0) + size;
    };
  }
  for (const [end, little] of [["LE", true], ["BE", false]]) {
    for (const size of [16, 32]) {
      number("UInt" + size + end, "Uint" + size, size / 8, little);
      number("Uint" + size + end, "Uint" + size, size / 8, little);
      number("Int" + size + end, "Int" + size, size / 8, little);
    }
    number("BigUInt64" + end, "BigUint64", 8, little);
    number("BigUint64" + end, "BigUint64", 8, little);
    number("BigInt64" + end, "BigInt64", 8, little);
    number("Float" + end, "Float32", 4, little);
    number("Double" + end, "Float64", 8, little);

    const readUnsigned = function (offset, size) {
      const part = view(this, offset, size);
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + part.getUint8(little ? size - 1 - i : i);
      return value;
    };
    const readSigned = function (offset, size) {
      const value = readUnsigned.call(this, offset, size);
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    };
    const write = function (value, offset, size) {
      const part = view(this, offset, size);
      let left = value < 0 ? value + 2 ** (8 * size) : value;
      for (let i = 0; i < size; i++) {
        part.setUint8(little ? i : size - 1 - i, left % 256);
        left = Math.floor(left / 256);
      }
      return (offset || 0) + size;
    };
    METHODS["readUInt" + end] = METHODS["readUint" + end] = readUnsigned;
    METHODS["readInt" + end] = readSigned;
    METHODS["writeUInt" + end] = METHODS["writeUint" + end] = METHODS["writeInt" + end] = write;
  }
  number("UInt8", "Uint8", 1, false);
  number("Uint8", "Uint8", 1, false);
  number("Int8", "Int8", 1, false);

  Buffer.prototype = Object.create(Uint8Array.prototype);
  Object.setPrototypeOf(Buffer, Uint8Array);
  for (const name of Object.keys(METHODS))
    Object.defineProperty(Buffer.prototype, name, { value: METHODS[name], writable: true, configurable: true });
  Object.defineProperty(globalThis, "Buffer", { value: Buffer, writable: true, configurable: true });
})();
