// expected: any
function decodeUplink() {
  var text = "xxxxxxxxxxxxxxxx";
  for (;;) text = text + text;
}
