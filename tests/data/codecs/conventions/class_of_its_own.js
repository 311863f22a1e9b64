// expected: data {"value":272}
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
  }
  u16() {
    return this.bytes[0] * 256 + this.bytes[1];
  }
}
let decodeUplink = (input) => ({ data: { value: new Reader(input.bytes).u16() } });
