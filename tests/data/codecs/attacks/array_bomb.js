// expected: stopped more memory
function decodeUplink() {
  var list = [];
  for (;;) list.push([1, 2, 3]);
}
