// expected: stopped needs more time
function decodeUplink() {
  for (;;) {
    try {
      for (;;);
    } catch (_) {
      continue;
    } finally {
      continue;
    }
  }
}
