// expected: errors data is a symbol, not an object or a list
function decodeUplink() {
  return { data: Symbol("a") };
}
