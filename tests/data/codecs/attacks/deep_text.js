// expected: any
function decodeUplink() {
  var text = "";
  for (var i = 0; i < 100000; i++) text = i % 2 ? "a" + text : text + "b";
  return { data: { size: text.length, first: text[0] } };
}
