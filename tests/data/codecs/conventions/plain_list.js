// expected: data [{"variable":"distance","value":272}]
exports.decodeUplink = function (input) {
  return [{ variable: "distance", value: input.bytes[0] * 256 + input.bytes[1] }];
};
