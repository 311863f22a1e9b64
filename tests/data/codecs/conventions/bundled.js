// expected: data {"value":272}
(function (root, factory) {
  if (typeof exports === "object" && typeof module === "object") module.exports = factory();
  else root.driver = factory();
})(this, function () {
  return {
    driver: {
      decodeUplink: function (input) {
        return { data: { value: input.bytes[0] * 256 + input.bytes[1] } };
      },
    },
  };
});
