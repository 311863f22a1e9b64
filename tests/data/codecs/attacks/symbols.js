// expected: data {"list":[null]}
function decodeUplink() {
  return { data: { [Symbol("a")]: 1, b: Symbol("b"), list: [Symbol("c")] } };
}
