// expected: any
function decodeUplink() {
  var call = function () {};
  for (var i = 0; i < 20000; i++) call = call.bind(null);
  return { data: { a: call(), b: ({}) instanceof call } };
}
