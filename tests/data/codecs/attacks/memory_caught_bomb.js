// expected: stopped
function decodeUplink() {
  for (;;) {
    try {
      var list = [];
      for (;;) list.push({ a: 1 });
    } catch (_) {
      list = null;
    }
  }
}
