// expected: any
function decodeUplink() {
  var data = [];
  for (var i = 0; i < 30000; i++) data = [data];
  return { data: data };
}
