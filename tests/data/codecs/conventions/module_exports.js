// expected: data {"value":272}
module.exports = {
  factor: 256,
  decodeUplink(input) {
    return { data: { value: input.bytes[0] * this.factor + input.bytes[1] } };
  },
};
