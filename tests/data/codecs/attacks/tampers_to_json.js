// expected: errors data is a object, not an object or a list
Object.prototype.toJSON = function () { return "forged"; };
function decodeUplink() {
  return { data: { a: 1 } };
}
