// expected: data {"a":null,"b":null,"list":[null],"d":1e+21,"e":0}
function decodeUplink() {
  return { data: { a: NaN, b: -Infinity, undef: undefined, method: function () {}, list: [undefined], d: 1e21, e: -0 } };
}
