// expected: any
function decodeUplink() {
  var data = {};
  for (var i = 0; i < 20000; i++) data = new Proxy(data, {});
  return { data: { a: data.x, b: data } };
}
