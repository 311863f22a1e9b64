// expected: data {"hex":"0110","base64":"ARA=","u16":[272,4097],"float":-2.5,"text":"é","is":true,"five":1108152157446,"all":"0110ff","same":true,"at":1,"view":16,"big":"-2","map":"0220"}
function decodeUplink(input) {
  const buffer = Buffer.from(input.bytes);
  const numbers = Buffer.alloc(4);
  numbers.writeFloatBE(-2.5, 0);
  const big = Buffer.alloc(8);
  big.writeBigInt64LE(-2n);
  return {
    data: {
      hex: buffer.toString("hex"),
      base64: buffer.toString("base64"),
      u16: [buffer.readUInt16BE(0), buffer.readUInt16LE(0)],
      float: numbers.readFloatBE(0),
      text: Buffer.from("c3a9", "hex").toString(),
      is: Buffer.isBuffer(buffer) && buffer instanceof Uint8Array && new Buffer([1]).length === 1,
      five: Buffer.from([1, 2, 3, 4, 5, 6]).readUIntBE(0, 6),
      all: Buffer.concat([buffer, Buffer.from("/w==", "base64")]).toString("hex"),
      same: buffer.equals(Buffer.from("0110", "hex")),
      at: buffer.indexOf(0x10),
      view: buffer.slice(1).readInt8(0),
      big: String(big.readBigInt64LE(0)),
      map: buffer.map((byte) => byte * 2).toString("hex"),
    },
  };
}
