// expected: data {"value":272}
var driver = {
  factor: 256,
  decodeUplink: function (input) {
    return { data: { value: input.bytes[0] * this.factor + input.bytes[1] } };
  },
};
