// expected: data {"value":272}
exports.decodeUplink = function (input) {
  return { data: { value: (input.bytes[0] << 8) + input.bytes[1] } };
};
